/**
 * A server of the protocol in memory, as far as a client can tell: sessions, the log of events and its replay,
 * idempotent messages, seats in video rooms, relays. Its network can be cut, and its answers can be lost.
 */

import { FakeClock } from './clock.mjs';

export class FakeServer {
  constructor(clock = new FakeClock()) {
    this.clock = clock;
    this.up = true; // whether sockets can be opened
    this.mute = false; // whether everything that it would send is lost
    this.position = 1000;
    this.log = []; // {position, to: [session ids], origin, message}
    this.sessions = new Map(); // by session id: {userId, socket, seats}
    this.messages = [];
    this.videoRooms = new Map(); // by id: [{user_id, session, media}], in the order of joining
    this.sockets = [];
    this.heard = []; // every request, of everybody
    this.refusals = []; // [{action, error_code, data, times}]: what is refused next
    this.keep = 1000; // events at most that are replayed
    this.iceServers = [];
    const server = this;
    /** What a client uses as its WebSocket. */
    this.WebSocket = class extends FakeSocket {
      constructor(url, protocol) {
        super(server, url, protocol);
      }
    };
  }

  // --- what happens to connections ---

  get live() {
    return this.sockets.filter((one) => one.readyState === 1);
  }

  /** Break every connection, without a word. */
  cut(userId = null) {
    for (const socket of this.live) if (userId === null || socket.userId === userId) socket.break();
  }

  /** End the sessions of those who are away. */
  forgetSessions() {
    for (const [id, session] of this.sessions) {
      if (session.socket?.readyState === 1) continue;
      for (const room of this.videoRooms.keys()) this.#leave(session, room, 'disconnected');
      this.sessions.delete(id);
    }
  }

  // --- what is said unasked ---

  /** Publish an event to sessions; those that are away get it when they resume. */
  publish(action, data, { to = [...this.sessions.values()], origin = null } = {}) {
    this.position += 1;
    const message = { action, data, timestamp: this.#now(), seq_id: `e${this.position}` };
    const ids = to.map((one) => one.id);
    this.log.push({ position: this.position, ids, origin: origin?.id ?? null, message });
    for (const session of to) if (session !== origin) this.#deliver(session, message);
    return message;
  }

  /** Say something that is not in the log: PING, an ERROR without a request. */
  tell(userId, action, data, more = {}) {
    for (const one of this.live) {
      if (one.userId === userId) one.deliver({ action, data, timestamp: this.#now(), seq_id: 's-1', ...more });
    }
  }

  asked(action) {
    return this.heard.filter((one) => one.action === action);
  }

  refuse(action, error_code, data = {}, times = 1) {
    this.refusals.push({ action, error_code, data, times });
  }

  // --- requests ---

  received(socket, message) {
    this.heard.push({ ...message, userId: socket.userId });
    const refusal = this.refusals.find((one) => one.action === message.action && one.times > 0);
    if (refusal) {
      refusal.times -= 1;
      return this.#refuse(socket, message, refusal.error_code, refusal.data);
    }
    const act = this[message.action];
    if (message.action === 'PONG') return;
    if (!act) return this.#refuse(socket, message, 'UNKNOWN_ACTION');
    act.call(this, socket, message.data ?? {}, message);
  }

  PING(socket, _, { seq_id }) {
    socket.deliver({ action: 'PONG', timestamp: this.#now(), seq_id });
  }

  CONNECT(socket, data, message) {
    const userId = Number(/^user-(\d+)/.exec(data.jwt_token)?.[1]);
    if (!userId) return this.#refuse(socket, message, 'INVALID_TOKEN');
    const kept = this.sessions.get(message.session_id);
    const renewal = socket.userId !== null;
    let session = renewal ? socket.session : kept?.userId === userId ? kept : null;
    const found = session !== null;
    if (!session) {
      session = { id: `session-${this.sessions.size + 1}-${this.position}`, userId, seats: new Set(), socket: null };
      this.sessions.set(session.id, session);
    }
    const rest = renewal ? [] : this.#missed(session, data.last_seq_id, message.session_id);
    const resumed = rest !== null && (found || data.last_seq_id !== undefined);
    const start = rest?.length ? data.last_seq_id : `e${this.position}`;
    if (!renewal) this.#attach(socket, session);
    this.#answer(socket, message, {
      user_id: userId,
      session_id: session.id,
      server_time: this.#now(),
      reconnection_info: {
        existing_rooms: [100],
        unread_messages: 0,
        resumed,
        replayed_events: rest?.length ?? 0,
        video_rooms: [...session.seats],
        last_seq_id: start,
      },
    });
    for (const one of rest ?? []) socket.deliver(one);
  }

  DISCONNECT(socket, data, message) {
    for (const room of [...socket.session.seats]) this.#leave(socket.session, room, 'disconnected');
    this.sessions.delete(socket.session.id);
    this.#answer(socket, message, { reason: data.reason ?? null });
    socket.break();
  }

  SEND_MESSAGE(socket, data, message) {
    const known = this.messages.find(
      (one) => one.client_message_id === data.client_message_id && one.user_id === socket.userId,
    );
    const stored = known ?? {
      message_id: this.messages.length + 1,
      room_id: data.room_id,
      content: data.content,
      message_type: data.message_type,
      created_at: this.#now(),
      client_message_id: data.client_message_id,
      user_id: socket.userId,
    };
    if (!known) {
      this.messages.push(stored);
      this.publish('NEW_MESSAGE', stored, { origin: socket.session });
    }
    const { user_id, ...answer } = stored;
    this.#answer(socket, message, known ? { ...answer, duplicate: true } : answer);
  }

  LIST_ROOMS(socket, _, message) {
    this.#answer(socket, message, { rooms: [] });
  }

  REQUEST_UPLOAD(socket, data, message) {
    const file_path = `/storage/u/${data.file_name}`;
    this.#answer(socket, message, { upload_url: '/uploads/t0ken', file_path, expires_at: this.#now() });
  }

  // --- video rooms ---

  JOIN_VIDEO_ROOM(socket, data, message) {
    const id = data.video_room_id;
    const seats = this.videoRooms.get(id);
    if (!seats) return this.#refuse(socket, message, 'VIDEO_ROOM_NOT_FOUND');
    const mine = seats.find((one) => one.user_id === socket.userId);
    if (mine?.session !== socket.session) {
      if (mine) this.#leave(mine.session, id, 'moved');
      const others = this.videoRooms.get(id).map((one) => one.session);
      const seat = { user_id: socket.userId, session: socket.session, media: data.media_status };
      this.videoRooms.get(id).push(seat);
      socket.session.seats.add(id);
      this.publish('PARTICIPANT_JOINED', { video_room_id: id, participant: this.#shown(seat) }, { to: others });
    }
    const participants = this.videoRooms.get(id).map((one) => this.#shown(one));
    this.#answer(socket, message, { video_room_id: id, participants, ice_servers: this.iceServers });
  }

  EXIT_VIDEO_ROOM(socket, data, message) {
    if (!socket.session.seats.has(data.video_room_id)) return this.#refuse(socket, message, 'USER_NOT_IN_ROOM');
    this.#leave(socket.session, data.video_room_id, 'exit');
    this.#answer(socket, message, { video_room_id: data.video_room_id });
  }

  GET_VIDEO_ROOM_PARTICIPANT(socket, data, message) {
    const seats = this.videoRooms.get(data.video_room_id);
    if (!seats) return this.#refuse(socket, message, 'VIDEO_ROOM_NOT_FOUND');
    const participants = seats.map((one) => this.#shown(one));
    this.#answer(socket, message, { video_room_id: data.video_room_id, participants });
  }

  GET_ICE_SERVERS(socket, data, message) {
    this.#answer(socket, message, { video_room_id: data.video_room_id, ice_servers: this.iceServers });
  }

  SDP(socket, data, message) {
    const { sdp_type, sdp_data } = data;
    this.#relay(socket, data, message, { sdp_type, sdp_data });
  }

  ICE_CANDIDATE(socket, data, message) {
    const { candidate, sdp_mid = null, sdp_mline_index = null } = data;
    this.#relay(socket, data, message, { candidate, sdp_mid, sdp_mline_index });
  }

  MEDIA_STATUS(socket, data, message) {
    const seats = this.videoRooms.get(data.video_room_id) ?? [];
    const mine = seats.find((one) => one.session === socket.session);
    if (!mine) return this.#refuse(socket, message, 'USER_NOT_IN_ROOM');
    mine.media = { audio_enabled: data.audio_enabled, video_enabled: data.video_enabled };
    const told = { video_room_id: data.video_room_id, user_id: socket.userId, nickname: `n${socket.userId}` };
    const to = seats.filter((one) => one !== mine).map((one) => one.session);
    this.publish('PARTICIPANT_MEDIA_STATUS', { ...told, ...mine.media }, { to });
  }

  /** Close a video room, as the server does with the last participant. */
  endVideoRoom(id) {
    for (const seat of this.videoRooms.get(id) ?? []) seat.session.seats.delete(id);
    this.videoRooms.delete(id);
    this.publish('VIDEO_ROOM_CLOSED', { video_room_id: id, chat_room_id: 100 });
  }

  #relay(socket, data, message, fields) {
    const seats = this.videoRooms.get(data.video_room_id) ?? [];
    const target = seats.find((one) => one.user_id === data.target_user_id);
    if (!target || !socket.session.seats.has(data.video_room_id)) {
      return this.#refuse(socket, message, 'USER_NOT_IN_ROOM');
    }
    const relayed = { video_room_id: data.video_room_id, sender_user_id: socket.userId, ...fields };
    this.publish(message.action, relayed, { to: [target.session] });
  }

  #leave(session, id, reason) {
    const seats = this.videoRooms.get(id) ?? [];
    if (!session.seats.delete(id)) return;
    const left = seats.filter((one) => one.session !== session);
    this.videoRooms.set(id, left);
    const gone = { video_room_id: id, user_id: session.userId, nickname: `n${session.userId}`, reason };
    const to = left.map((one) => one.session);
    this.publish('PARTICIPANT_LEFT', gone, { to: reason === 'moved' ? [...to, session] : to });
    if (!left.length && reason !== 'moved') this.endVideoRoom(id);
  }

  #shown(seat) {
    const host = this.videoRooms.get([...seat.session.seats][0])?.[0] === seat;
    const media_status = { audio_enabled: true, video_enabled: true, ...seat.media };
    return { user_id: seat.user_id, nickname: `n${seat.user_id}`, role: host ? 'host' : 'participant', media_status };
  }

  // --- answers ---

  #answer(socket, { action, seq_id }, data) {
    socket.deliver({ action: `${action}_RESPONSE`, success: true, data, timestamp: this.#now(), seq_id });
  }

  #refuse(socket, { action, seq_id }, error_code, data = {}) {
    const failure = { success: false, message: '실패', error_code, timestamp: this.#now(), seq_id };
    if (action === 'CONNECT') socket.deliver({ action: 'CONNECT_RESPONSE', ...failure, data });
    else socket.deliver({ action: 'ERROR', ...failure, data: { original_action: action, ...data } });
  }

  #attach(socket, session) {
    const before = session.socket;
    session.socket = socket;
    socket.session = session;
    socket.userId = session.userId;
    if (before?.readyState === 1) {
      const replaced = { success: false, message: '대체', error_code: 'SESSION_REPLACED' };
      before.deliver({ action: 'ERROR', ...replaced, data: { original_action: null }, seq_id: 's-2' });
      before.break();
    }
  }

  #missed(session, lastSeqId, askedSessionId) {
    if (lastSeqId === undefined) return [];
    const since = Number(lastSeqId.slice(1));
    const rest = this.log.filter(
      (one) => one.position > since && one.ids.includes(session.id) && one.origin !== askedSessionId,
    );
    return rest.length > this.keep ? null : rest.map((one) => one.message);
  }

  #deliver(session, message) {
    if (session.socket?.readyState === 1) session.socket.deliver(message);
  }

  #now() {
    return new Date(this.clock.now()).toISOString();
  }
}

class FakeSocket {
  onopen = null;
  onmessage = null;
  onclose = null;
  onerror = null;
  readyState = 0;
  userId = null;
  session = null;

  constructor(server, url, protocol) {
    if (protocol !== 'assa.v1') throw new Error(`subprotocol ${protocol}`);
    this.server = server;
    this.url = url;
    server.sockets.push(this);
    queueMicrotask(() => (server.up ? this.#open() : this.break()));
  }

  #open() {
    if (this.readyState !== 0) return;
    this.readyState = 1;
    this.onopen?.({});
  }

  send(text) {
    if (this.readyState !== 1) throw new Error('not open');
    queueMicrotask(() => {
      if (this.readyState === 1 && !this.deaf) this.server.received(this, JSON.parse(text));
    });
  }

  /** Bring a message to the client. */
  deliver(message) {
    if (this.server.mute) return;
    const text = JSON.stringify(message);
    queueMicrotask(() => this.onmessage?.({ data: text }));
  }

  close() {
    this.readyState = 3;
  }

  break(code = 1006, reason = '') {
    if (this.readyState === 3) return;
    this.readyState = 3;
    queueMicrotask(() => this.onclose?.({ code, reason }));
  }
}

/** What a page keeps, as sessionStorage does. */
export class FakeStorage {
  #values = new Map();

  getItem(key) {
    return this.#values.get(key) ?? null;
  }

  setItem(key, value) {
    this.#values.set(key, String(value));
  }

  removeItem(key) {
    this.#values.delete(key);
  }
}
