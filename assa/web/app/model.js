/** What the user knows: rooms, their messages, invitations, calls. No DOM; views listen to its events. */

import { merge } from './timeline.js';

const PAGE = 50;
const CONFIRM_AT_ONCE = 500;

/**
 * Its events: `rooms` (list or a room's head changed), `entries` ({roomId, reason}), `invitations`, `announcement`
 * ({data}), `current`, `calls`.
 */
export class Model extends EventTarget {
  /** @type {Map<number, any>} */
  rooms = new Map();
  /** @type {Map<number, any>} INVITATION_RECEIVED by room. */
  invitations = new Map();
  /** @type {number | null} The room that is open. */
  currentId = null;
  /** @type {number | null} The room whose call the user is in. */
  inCallId = null;
  #connection;

  /** @param {import('../assa/connection.js').Connection} connection */
  constructor(connection) {
    super();
    this.#connection = connection;
    for (const [action, hear] of Object.entries(this.#hearers())) {
      connection.addEventListener(action, (event) => hear(/** @type {CustomEvent} */ (event).detail.data));
    }
    connection.addEventListener('queued', (event) => this.#queued(/** @type {CustomEvent} */ (event).detail));
    connection.addEventListener('sent', (event) => this.#sent(/** @type {CustomEvent} */ (event).detail));
    connection.addEventListener('rejected', (event) => this.#rejected(/** @type {CustomEvent} */ (event).detail));
    connection.addEventListener('gap', () => this.load());
  }

  /** @returns {Record<string, (data: any) => void>} */
  #hearers() {
    return {
      NEW_MESSAGE: (data) => this.#heardMessage(data),
      MESSAGE_RECEIVED: (data) => this.#heardReceipt(data),
      USER_JOINED: (data) => this.#moved(data, 'joined'),
      USER_LEFT: (data) => this.#moved(data, 'left'),
      HOST_CHANGED: (data) => this.#hosted(data),
      INVITATION_RECEIVED: (data) => this.#heardInvitation(data),
      SERVER_ANNOUNCEMENT: (data) => this.#tell('announcement', { data }),
      VIDEO_ROOM_CREATED: (data) => this.#callBegan(data),
      VIDEO_ROOM_CLOSED: (data) => this.#callEnded(data),
    };
  }

  get connection() {
    return this.#connection;
  }

  get userId() {
    return this.#connection.userId;
  }

  get current() {
    return this.currentId === null ? null : (this.rooms.get(this.currentId) ?? null);
  }

  /** The rooms, the newest activity first. */
  get listed() {
    return [...this.rooms.values()].sort((one, other) => other.active - one.active || other.id - one.id);
  }

  // --- loading ---

  /** Get the rooms anew: at first, and when events were missed for good. */
  async load() {
    const { rooms } = await this.#connection.request('LIST_ROOMS', {});
    const before = this.rooms;
    this.rooms = new Map();
    for (const one of rooms.reverse()) this.#list(one, before.get(one.room_id));
    for (const data of this.#connection.pendingMessages) this.#queued({ roomId: data.room_id, data });
    if (this.currentId !== null && !this.rooms.has(this.currentId)) this.open(null);
    this.#tell('rooms');
    if (this.current) await this.#fill(this.current);
  }

  #list(one, before) {
    const last = one.last_message;
    this.rooms.set(one.room_id, {
      ...roomOf(one.room_id, one),
      unread: one.unread_messages,
      last,
      active: last ? last.message_id : 0,
      call: before?.call ?? null,
      entries: (before?.entries ?? []).filter((entry) => entry.kind === 'note'),
      receipts: before?.receipts ?? new Map(),
    });
  }

  /**
   * Open a room; none: only the list is shown.
   *
   * @param {number | null} roomId
   */
  async open(roomId) {
    this.currentId = roomId;
    this.#tell('current');
    if (this.current && !this.current.loaded) await this.#fill(this.current);
  }

  async #fill(room) {
    const { messages, has_more: more } = await this.#connection.request('GET_MESSAGES', { room_id: room.id, limit: PAGE });
    room.loaded = true;
    room.more = more;
    this.#merge(room, messages, 'opened');
  }

  /** Get an older page of the open room. */
  async older() {
    const room = this.current;
    const oldest = room?.entries.find((one) => one.state === 'sent');
    if (!room?.more || !oldest || room.paging) return;
    room.paging = true;
    try {
      const asked = { room_id: room.id, before_message_id: oldest.message.message_id, limit: PAGE };
      const { messages, has_more: more } = await this.#connection.request('GET_MESSAGES', asked);
      room.more = more;
      this.#merge(room, messages, 'older');
    } finally {
      room.paging = false;
    }
  }

  #merge(room, messages, reason) {
    room.entries = merge(room.entries, messages);
    this.#tell('entries', { roomId: room.id, reason });
  }

  // --- rooms ---

  /** @param {{name: string, is_open: boolean}} asked */
  async create(asked) {
    const data = await this.#connection.request('CREATE_ROOM', asked);
    this.#enter(data.room_id, { ...data, is_open: asked.is_open, participants_count: 1 });
    return data.room_id;
  }

  /** @param {number} roomId */
  async join(roomId) {
    const data = await this.#connection.request('JOIN_ROOM', { room_id: roomId });
    this.invitations.delete(roomId);
    this.#tell('invitations');
    this.#enter(roomId, data.room_info);
    const room = this.rooms.get(roomId);
    room.loaded = true;
    room.more = data.recent_messages.length >= PAGE;
    this.#merge(room, data.recent_messages, 'opened');
    return roomId;
  }

  #enter(roomId, info) {
    if (this.rooms.has(roomId)) return;
    const newest = Math.max(0, ...[...this.rooms.values()].map((one) => one.active));
    this.rooms.set(roomId, { ...roomOf(roomId, info), unread: 0, last: null, active: newest + 0.5, call: null, entries: [], receipts: new Map() });
    this.#tell('rooms');
  }

  /** @param {number} roomId */
  async leave(roomId) {
    await this.#connection.request('EXIT_ROOM', { room_id: roomId });
    this.rooms.delete(roomId);
    if (this.currentId === roomId) this.open(null);
    this.#tell('rooms');
  }

  /** @param {number} roomId */
  dismiss(roomId) {
    this.invitations.delete(roomId);
    this.#tell('invitations');
  }

  #heardInvitation(data) {
    if (this.rooms.has(data.room_id)) return;
    this.invitations.set(data.room_id, data);
    this.#tell('invitations');
  }

  #moved({ room_id: roomId, user, participants_count: count }, key) {
    const room = this.rooms.get(roomId);
    if (!room) return;
    room.count = count;
    this.#note(room, key, user.nickname);
    this.#tell('rooms');
  }

  #hosted({ room_id: roomId, host_user_id: hostId, nickname }) {
    const room = this.rooms.get(roomId);
    if (!room) return;
    room.hostId = hostId;
    this.#note(room, 'hostChanged', nickname);
  }

  #note(room, text, name = '') {
    const key = `n${(this.notes = (this.notes ?? 0) + 1)}`;
    room.entries.push({ kind: 'note', key, at: this.#connection.serverNow, text, name });
    this.#tell('entries', { roomId: room.id, reason: 'heard' });
  }

  // --- messages ---

  #heardMessage(message) {
    const room = this.rooms.get(message.room_id);
    if (!room) return;
    room.last = message;
    room.active = message.message_id;
    if (message.user.user_id !== this.userId) room.unread += 1;
    this.#merge(room, [message], 'heard');
    this.#tell('rooms');
  }

  #queued({ roomId, data }) {
    const room = this.rooms.get(roomId);
    const key = `c${data.client_message_id}`;
    if (!room || room.entries.some((one) => one.key === key && one.state === 'queued')) return;
    const user = { user_id: this.userId, nickname: '', profile_image: null };
    const message = { message_id: null, reply_to_message_id: null, ...data, user };
    room.entries = room.entries.filter((one) => one.key !== key);
    room.entries.push({ kind: 'message', key, at: this.#connection.serverNow, message, state: 'queued' });
    this.#tell('entries', { roomId, reason: 'own' });
  }

  #sent({ clientMessageId, roomId, data }) {
    const room = this.rooms.get(roomId);
    if (!room) return;
    const entry = room.entries.find((one) => one.key === `c${clientMessageId}`);
    const message = { ...entry?.message, ...data, user: entry?.message.user ?? { user_id: this.userId, nickname: '' } };
    room.entries = room.entries.filter((one) => one !== entry);
    if (!room.last || room.last.message_id < message.message_id) {
      room.last = message;
      room.active = message.message_id;
    }
    this.#merge(room, [message], 'own');
    this.#tell('rooms');
  }

  #rejected({ clientMessageId, roomId, error }) {
    const entry = this.rooms.get(roomId)?.entries.find((one) => one.key === `c${clientMessageId}`);
    if (!entry) return;
    entry.state = 'failed';
    entry.error = error;
    this.#tell('entries', { roomId, reason: 'own' });
  }

  /**
   * Send a message to the open room.
   *
   * @param {string} content
   * @param {{replyTo?: number | null, fileInfo?: any}} [options]
   * @param {number | null} [roomId]
   */
  send(content, options = {}, roomId = this.currentId) {
    if (roomId === null) return;
    this.#connection.sendMessage(roomId, content, options).catch(() => {}); // `rejected` has told
  }

  /** @param {import('./timeline.js').Entry} entry */
  discard(entry) {
    const room = this.rooms.get(entry.message.room_id);
    if (!room) return;
    room.entries = room.entries.filter((one) => one !== entry);
    this.#tell('entries', { roomId: room.id, reason: 'own' });
  }

  /** @param {import('./timeline.js').Entry} entry */
  again(entry) {
    const { room_id: roomId, content, reply_to_message_id: replyTo, file_info: fileInfo } = entry.message;
    this.discard(entry);
    this.send(content, { replyTo, fileInfo }, roomId);
  }

  /** Confirm what the user has seen of the open room. */
  async confirm() {
    const room = this.current;
    if (!room || room.unread === 0 || !room.loaded || room.confirming) return;
    room.confirming = true;
    room.unread = 0;
    this.#tell('rooms');
    try {
      // What is on older pages comes back as pending, a hundred at a time.
      for (let ids = theirs(room, this.userId); ids.length > 0; ) {
        const { pending_messages: pending } = await this.#check(room, ids);
        ids = pending.map((/** @type {any} */ one) => one.message_id);
      }
    } catch {
      // Confirmed with the next look, as `load` counts again what is unread.
    } finally {
      room.confirming = false;
    }
  }

  #check(room, ids) {
    return this.#connection.request('CHECK_RECEIVE', { room_id: room.id, message_ids: ids.slice(-CONFIRM_AT_ONCE) });
  }

  #heardReceipt({ room_id: roomId, user_id: userId, message_ids: ids }) {
    const room = this.rooms.get(roomId);
    if (!room) return;
    for (const id of ids) {
      if (!room.receipts.has(id)) room.receipts.set(id, new Set());
      room.receipts.get(id).add(userId);
    }
    this.#tell('entries', { roomId, reason: 'receipts' });
  }

  // --- calls ---

  #callBegan({ chat_room_id: roomId, video_room_id: id, video_room_name: name }) {
    const room = this.rooms.get(roomId);
    if (!room) return;
    if (room.call?.id !== id) this.#note(room, 'callBegan');
    room.call = { id, name };
    this.#tell('rooms');
  }

  #callEnded({ chat_room_id: roomId, video_room_id: id }) {
    const room = this.rooms.get(roomId);
    if (room?.call?.id !== id) return;
    room.call = null;
    this.#note(room, 'callEnded');
    this.#tell('rooms');
  }

  /**
   * Take note of the room whose call the user is in.
   *
   * @param {number | null} roomId
   */
  inCall(roomId) {
    this.inCallId = roomId;
    this.#tell('rooms');
  }

  /** Return the id of a room's call; one is made if there is none. */
  async callOf(room) {
    if (!room.call) {
      const asked = { chat_room_id: room.id, video_room_name: room.name.slice(0, 100) };
      this.#callBegan(await this.#connection.request('CREATE_VIDEO_ROOM', asked));
    }
    return room.call.id;
  }

  #tell(type, detail = {}) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/**
 * @param {number} id
 * @param {any} info
 */
function roomOf(id, info) {
  return {
    id,
    name: info.name,
    description: info.description ?? '',
    isOpen: info.is_open ?? false,
    hostId: info.host_user_id,
    count: info.participants_count,
    loaded: false,
    more: false,
  };
}

/** The ids of the others' messages that are shown. */
function theirs(room, userId) {
  const shown = room.entries.filter((one) => one.state === 'sent' && one.message.user.user_id !== userId);
  return shown.map((one) => one.message.message_id);
}
