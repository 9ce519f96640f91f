/** What the user knows: rooms, their messages, invitations, calls. No DOM; views listen to its events. */

import { History } from './history.js';
import { Invitations } from './invitations.js';
import { Outgoing } from './outgoing.js';
import { Reading } from './reading.js';
import { RoomBook } from './roombook.js';
import { RunningCalls } from './running.js';
import { Uploads } from './uploads.js';

/** JOIN_ROOM brings so many of the newest messages. */
const RECENT = 50;

/**
 * Its events: `rooms` (the list, or what is known of a room), `current`, `entries` ({roomId, reason}; `message` where
 * somebody else has written), `uploads` ({roomId}), `invitations`, `announcement` ({data}).
 */
export class Model extends EventTarget {
  /** @type {number | null} The room that is open. */
  currentId = null;
  #loading = false;

  /**
   * @param {import('../assa/connection.js').Connection} connection
   * @param {import('./memory.js').Memory} memory
   */
  constructor(connection, memory) {
    super();
    this.connection = connection;
    this.memory = memory;
    this.rooms = new RoomBook(memory);
    const request = (/** @type {string} */ action, /** @type {any} */ data) => connection.request(action, data);
    this.invitations = new Invitations(memory, () => this.#tell('invitations'));
    this.reading = new Reading({ request, changed: () => this.#tell('rooms') });
    this.history = new History({ request, changed: (room, reason) => this.#entries(room, reason) });
    this.calls = new RunningCalls({ request, memory, changed: (roomId, what) => this.#call(roomId, what) });
    this.outgoing = new Outgoing({
      connection,
      roomOf: (id) => this.rooms.get(id),
      changed: (room) => this.#own(room),
    });
    this.uploads = new Uploads({
      connection,
      done: ({ roomId, replyTo }, fileInfo) => this.outgoing.send(roomId, '', { replyTo, fileInfo }),
      changed: (roomId) => this.#tell('uploads', { roomId }),
    });
    this.#listen();
  }

  #listen() {
    const heard = {
      NEW_MESSAGE: this.#heardMessage,
      MESSAGE_RECEIVED: this.#heardReceipt,
      USER_JOINED: (/** @type {any} */ data) => this.#moved(data, 'joined'),
      USER_LEFT: (/** @type {any} */ data) => this.#moved(data, 'left'),
      HOST_CHANGED: this.#hosted,
      INVITATION_RECEIVED: this.#invited,
      SERVER_ANNOUNCEMENT: (/** @type {any} */ data) => this.#tell('announcement', { data }),
      VIDEO_ROOM_CREATED: (/** @type {any} */ data) => this.calls.began(data),
      VIDEO_ROOM_CLOSED: (/** @type {any} */ data) => this.calls.ended(data),
    };
    for (const [action, hear] of Object.entries(heard)) {
      this.connection.addEventListener(action, (event) => hear.call(this, /** @type {any} */ (event).detail.data));
    }
    this.connection.addEventListener('gap', () => this.load().catch(() => {}));
    this.connection.addEventListener('state', () => this.connection.state === 'connected' && this.#connected());
  }

  get userId() {
    return this.connection.userId;
  }

  /** The open room, or null. */
  get current() {
    return this.rooms.get(this.currentId) ?? null;
  }

  // --- loading ---

  /** Get the rooms anew: at first, and when events were missed for good. */
  async load() {
    this.#loading = true;
    try {
      const { rooms } = await this.connection.request('LIST_ROOMS', {});
      this.rooms.list(rooms);
    } finally {
      this.#loading = false;
    }
    for (const data of this.connection.pendingMessages) this.outgoing.queued({ roomId: data.room_id, data });
    if (this.currentId !== null && !this.current) await this.open(null);
    this.#tell('rooms');
    await Promise.all([this.#fill(this.current), this.calls.check()]);
  }

  #connected() {
    if (!this.current) return;
    this.#fill(this.current).catch(() => {}); // lost again: the next connection tries it
    this.reading.confirm(this.current);
  }

  /**
   * Open a room; none: only the list is shown.
   *
   * @param {number | null} roomId
   */
  async open(roomId) {
    this.currentId = roomId;
    if (this.current) this.current.divider = this.current.unread.first;
    this.#tell('current');
    await this.#fill(this.current);
  }

  /** @param {import('./room.js').Room | null} room */
  async #fill(room) {
    if (!room || room.loaded) return;
    await this.reading.look(room);
    room.divider = room.unread.first;
    await this.history.newest(room);
  }

  // --- rooms ---

  /**
   * @param {{name: string, description?: string, is_open: boolean}} asked
   * @returns {Promise<number>} Its id.
   */
  async create(asked) {
    const data = await this.connection.request('CREATE_ROOM', asked);
    this.rooms.enter(data.room_id, { ...data, is_open: asked.is_open }).loaded = true;
    this.#tell('rooms');
    return data.room_id;
  }

  /**
   * @param {number} roomId
   * @returns {Promise<number>}
   */
  async join(roomId) {
    const data = await this.connection.request('JOIN_ROOM', { room_id: roomId });
    this.invitations.remove(roomId);
    const room = this.rooms.enter(roomId, { ...data.room_info, participants: data.participants });
    room.add(data.recent_messages);
    room.more ||= !room.loaded && data.recent_messages.length >= RECENT;
    room.loaded = true;
    this.#entries(room, 'opened');
    this.#tell('rooms');
    return roomId;
  }

  /** @param {number} roomId */
  async leave(roomId) {
    await this.connection.request('EXIT_ROOM', { room_id: roomId });
    this.rooms.remove(roomId);
    if (this.currentId === roomId) await this.open(null);
    this.#tell('rooms');
  }

  /** @param {any} data Of INVITATION_RECEIVED; a replayed one may have been used meanwhile. */
  #invited(data) {
    if (!this.rooms.get(data.room_id)) this.invitations.add(data);
  }

  /**
   * @param {any} data
   * @param {'joined' | 'left'} key
   */
  #moved({ room_id: roomId, user, participants_count: count }, key) {
    const room = this.#known(roomId);
    if (!room) return;
    room.count = count;
    room.names.set(user.user_id, user.nickname);
    this.#note(room, key, user.nickname);
  }

  /** @param {any} data */
  #hosted({ room_id: roomId, host_user_id: hostId, nickname }) {
    const room = this.#known(roomId);
    if (!room) return;
    room.hostId = hostId;
    this.#note(room, 'hostChanged', nickname);
  }

  /**
   * @param {number} roomId
   * @param {'began' | 'ended'} what
   */
  #call(roomId, what) {
    const room = this.rooms.get(roomId);
    if (room) this.#note(room, what === 'began' ? 'callBegan' : 'callEnded', '');
    this.#tell('calls', { roomId, what });
  }

  /**
   * @param {import('./room.js').Room} room
   * @param {string} key
   * @param {string} name
   */
  #note(room, key, name) {
    room.note(key, name, this.connection.serverNow);
    this.#entries(room, 'heard');
    this.#tell('rooms');
  }

  /**
   * Return a room that is spoken of. One that is not known was entered on another device of the user.
   *
   * @param {number} roomId
   */
  #known(roomId) {
    const room = this.rooms.get(roomId);
    if (!room && !this.#loading) this.load().catch(() => {});
    return room;
  }

  // --- messages ---

  /** @param {any} message */
  #heardMessage(message) {
    const room = this.#known(message.room_id);
    if (!room) return;
    const own = message.user.user_id === this.userId;
    if (!own) room.unread.heard(message.message_id);
    // Of a room whose newest page is neither there nor on its way, what came before would be missing.
    if (room.loaded || this.history.isGetting(room)) room.add([message]);
    else room.newest(message);
    this.rooms.touch(room);
    this.#entries(room, 'heard', own ? null : message);
    this.#tell('rooms');
  }

  /** @param {any} data */
  #heardReceipt({ room_id: roomId, user_id: userId, message_ids: ids }) {
    const room = this.rooms.get(roomId);
    if (!room) return;
    this.rooms.received(room, userId, ids);
    this.#entries(room, 'receipts');
  }

  /** @param {import('./room.js').Room} room */
  #own(room) {
    this.rooms.touch(room);
    this.#entries(room, 'own');
    this.#tell('rooms');
  }

  /**
   * @param {import('./room.js').Room} room
   * @param {string} reason
   * @param {any} [message]
   */
  #entries(room, reason, message = null) {
    this.#tell('entries', { roomId: room.id, reason, message });
  }

  /**
   * @param {string} type
   * @param {any} [detail]
   */
  #tell(type, detail = {}) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
