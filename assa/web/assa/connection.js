/** One user's connection to a server: what is asked, what is heard, and what outlives a loss (§2, §3, §10). */

import { CLOCK } from './clock.js';
import { AssaError } from './errors.js';
import { Files } from './files.js';
import { randomId } from './ids.js';
import { MESSAGE_BYTES } from './line.js';
import { Link } from './link.js';
import { Outbox } from './outbox.js';
import { Requests } from './requests.js';
import { Session } from './session.js';
import { Tokens } from './tokens.js';

/** A request without an answer that shows that the connection is dead: to wait longer would help nobody. */
const VITAL = new Set(['PING', 'SEND_MESSAGE']);

const FAREWELL_MS = 2_000;

/**
 * A connection. Each event of the server is a `CustomEvent` whose type is its action (`NEW_MESSAGE`) and whose
 * detail is the whole message; each comes once and in order, across reconnects too. Further events:
 *
 * - `state`: `{state, reason, attempt, delayMs}`;
 * - `gap`: events were missed for good: load the rooms again;
 * - `queued`, `sent`, `rejected`: what becomes of a message, by its `clientMessageId`.
 */
export class Connection extends EventTarget {
  #tokens;
  #device;
  #clock;
  #network;
  #session;
  #link;
  #requests;
  #outbox;
  #files;
  #welcome = /** @type {any} */ (null);
  #skewMs = 0;
  #watching = false;
  #online = () => this.#reachable();

  /**
   * @param {string} url Of the WebSocket: `wss://host/ws`.
   * @param {object} options
   * @param {string | (() => string | Promise<string>)} options.token A JWT, or what gets one; a function is asked
   *   at each CONNECT and when the token is about to expire.
   * @param {string} [options.deviceId] Stays the same for this device; without it one is made, and kept in `store`.
   * @param {string} [options.platform]
   * @param {string} [options.appVersion]
   * @param {import('./storage.js').StorageLike | null} [options.store] Keeps the session and unanswered messages
   *   over a reload, for example `sessionStorage`.
   * @param {any} [options.WebSocket]
   * @param {any} [options.XMLHttpRequest]
   * @param {typeof fetch} [options.fetch]
   * @param {import('./clock.js').Clock} [options.clock]
   * @param {() => number} [options.random]
   * @param {EventTarget} [options.network] Fires `online`; by default the window.
   */
  constructor(url, { token, deviceId, platform = 'web', appVersion, store, ...uses }) {
    super();
    this.url = url;
    this.#clock = uses.clock ?? CLOCK;
    this.#tokens = new Tokens(token, this.#clock);
    this.#network = uses.network ?? /** @type {any} */ (globalThis);
    this.#session = new Session(store, deviceId);
    this.#device = { platform, app_version: appVersion, device_id: this.#session.deviceId };
    this.#requests = new Requests(
      this.#clock,
      (action) => VITAL.has(action) && this.drop(`no answer to ${action}`),
      () => this.#ping(),
    );
    this.#link = this.#makeLink(uses);
    this.#outbox = new Outbox({
      store,
      clock: this.#clock,
      ask: (data) => this.request('SEND_MESSAGE', data),
      tell: (type, detail) => this.#dispatch(type, detail),
    });
    this.#files = new Files({
      base: url.replace(/^ws/, 'http'),
      request: (action, data) => this.request(action, data),
      token: async (fresh) => (fresh || !this.#tokens.current ? this.#tokens.fresh() : this.#tokens.current),
      fetch: uses.fetch ?? ((url, options) => fetch(url, options)),
      XMLHttpRequest: uses.XMLHttpRequest ?? /** @type {any} */ (globalThis).XMLHttpRequest,
    });
  }

  /** @param {{WebSocket?: any, random?: () => number}} uses */
  #makeLink({ WebSocket, random }) {
    return new Link({
      url: this.url,
      WebSocket,
      random,
      clock: this.#clock,
      token: () => this.#tokens.fresh(),
      greet: (settle) => this.#ask('CONNECT', this.#greeting(), settle),
      welcomed: (data) => this.#welcomed(data),
      heard: (message) => this.#heard(message),
      cut: (error) => this.#cut(error),
      changed: (state, reason, { attempt, delayMs } = { attempt: 0, delayMs: 0 }) =>
        this.#dispatch('state', { state, reason, attempt, delayMs }),
    });
  }

  /** The time that it goes by. */
  get clock() {
    return this.#clock;
  }

  /** @returns {import('./link.js').State} */
  get state() {
    return this.#link.state;
  }

  /** Why it is in this state: an error code, or words for developers. */
  get reason() {
    return this.#link.reason;
  }

  /** The data of the newest CONNECT_RESPONSE, or null. */
  get welcome() {
    return this.#welcome;
  }

  /** @returns {number | null} */
  get userId() {
    return this.#welcome?.user_id ?? null;
  }

  /** The data of the messages that have no answer yet, oldest first: also those that an earlier page left. */
  get pendingMessages() {
    return this.#outbox.messages;
  }

  /** The server's time, milliseconds since the epoch. */
  get serverNow() {
    return this.#clock.now() + this.#skewMs;
  }

  // --- connecting ---

  /**
   * Connect; later losses are mended without further ado. When there is no server it fails at once, but for a page
   * that was reloaded: its connection was lost, and is tried for as after any loss (§10.3).
   *
   * @returns {Promise<any>} The data of CONNECT_RESPONSE.
   */
  connect() {
    if (this.state === 'connected') return Promise.resolve(this.#welcome);
    this.#watch(true);
    return this.#link.connect(this.#welcome === null && this.#session.sessionId !== null);
  }

  /**
   * End the session and close: seats in calls are given up, unsent messages too. (A page that only goes away need
   * not call this: the next one resumes.)
   *
   * @param {string} [reason]
   */
  async close(reason = 'user_logout') {
    const farewell = this.state === 'connected' ? this.request('DISCONNECT', { reason }) : Promise.resolve();
    this.#watch(false);
    this.#session.forget();
    this.#files.clear();
    this.#outbox.clear(new AssaError('DISCONNECTED', 'closed'));
    this.#link.end('closed', 'closed');
    const deadline = this.#clock.setTimeout(() => this.state === 'closed' && this.#link.hangUp(), FAREWELL_MS);
    await farewell.catch(() => {});
    this.#clock.clearTimeout(deadline);
    if (this.state === 'closed') this.#link.hangUp(); // else it has been connected again meanwhile
  }

  /**
   * Give the connection up as lost, and come back as always: for tests, and for those who know more of the network.
   *
   * @param {string} [reason]
   */
  drop(reason = 'dropped') {
    this.#link.drop(reason);
  }

  #greeting() {
    const { lastSeqId } = this.#session;
    const position = lastSeqId === null ? {} : { last_seq_id: lastSeqId };
    return { jwt_token: this.#tokens.current, device_info: this.#device, ...position };
  }

  /** @param {any} data Of CONNECT_RESPONSE. */
  #welcomed(data) {
    this.#welcome = data;
    this.#skewMs = (Date.parse(data.server_time) || this.#clock.now()) - this.#clock.now();
    const gap = this.#session.welcomed(data);
    this.#link.connected();
    if (gap) this.#dispatch('gap', data);
    if (this.state === 'connected') this.#outbox.open(data.user_id);
  }

  /** @param {AssaError} error */
  #cut(error) {
    this.#tokens.stop();
    this.#outbox.shut();
    this.#requests.fail(error);
  }

  /** The network is there again. */
  #reachable() {
    if (this.state === 'connected') this.#ping(); // the old way may be dead
    else this.#link.reachable();
  }

  /** @param {boolean} on */
  #watch(on) {
    if (this.#watching === on || !this.#network.addEventListener) return;
    this.#watching = on;
    if (on) this.#network.addEventListener('online', this.#online);
    else this.#network.removeEventListener('online', this.#online);
  }

  // --- asking ---

  /**
   * Send a request; it is refused with an {@link AssaError}.
   *
   * @param {string} action
   * @param {any} [data]
   * @returns {Promise<any>} The data of its answer.
   */
  request(action, data) {
    return this.#promised(action, data, false);
  }

  /**
   * Send what is answered only when it fails: SDP, ICE_CANDIDATE, MEDIA_STATUS.
   *
   * @param {string} action
   * @param {any} data
   * @returns {Promise<void>} Resolved once the server has certainly taken it.
   */
  signal(action, data) {
    return this.#promised(action, data, true);
  }

  /**
   * Send a message: now, or as soon as there is a connection, and again until it is answered.
   *
   * @param {number} roomId
   * @param {string} content
   * @param {object} [options]
   * @param {number | null} [options.replyTo]
   * @param {'text' | 'image'} [options.messageType]
   * @param {import('./files.js').FileInfo | null} [options.fileInfo] Of an image, see `upload`.
   * @param {string} [options.clientMessageId]
   * @returns {Promise<any>} The data of SEND_MESSAGE_RESPONSE.
   */
  sendMessage(roomId, content, { replyTo, messageType, fileInfo, clientMessageId = randomId() } = {}) {
    return this.#outbox.add({
      room_id: roomId,
      content,
      message_type: messageType ?? (fileInfo ? 'image' : 'text'),
      client_message_id: clientMessageId,
      ...(replyTo ? { reply_to_message_id: replyTo } : {}),
      ...(fileInfo ? { file_info: fileInfo } : {}),
    });
  }

  /**
   * Upload a file for a message; abort it with `signal`.
   *
   * @param {number | null} roomId Null: the user's own profile image.
   * @param {Blob & {name?: string}} file
   * @param {{signal?: AbortSignal, onProgress?: (part: number) => void}} [options] The part is from 0 to 1.
   * @returns {Promise<import('./files.js').FileInfo>}
   */
  upload(roomId, file, options) {
    return this.#files.upload(roomId, file, options);
  }

  /**
   * Return a blob URL of a file of the server; it is fetched once.
   *
   * @param {string} filePath
   * @returns {Promise<string>}
   */
  fileUrl(filePath) {
    return this.#files.url(filePath);
  }

  /**
   * @param {string} action
   * @param {any} data
   * @param {boolean} silent
   * @returns {Promise<any>}
   */
  #promised(action, data, silent) {
    return new Promise((resolve, reject) => {
      if (this.state !== 'connected') reject(new AssaError('DISCONNECTED', this.reason || 'not connected'));
      else this.#ask(action, data, (error, answer) => (error ? reject(error) : resolve(answer)), silent);
    });
  }

  #ping() {
    this.#ask('PING', undefined, () => {});
  }

  /**
   * @param {string} action
   * @param {any} data
   * @param {import('./requests.js').Settle} settle
   * @param {boolean} [silent]
   */
  #ask(action, data, settle, silent) {
    const seqId = this.#requests.add(action, settle, silent);
    const resumes = action === 'CONNECT' && this.#session.sessionId;
    const text = this.#textOf({ action, data, seq_id: seqId, ...(resumes ? { session_id: resumes } : {}) });
    if (isTooLong(text)) this.#requests.refuse(seqId, new AssaError('MESSAGE_TOO_LONG', 'more than 1 MiB'));
    else this.#link.send(text);
  }

  /** @param {any} message */
  #textOf(message) {
    return JSON.stringify({ ...message, timestamp: new Date(this.#clock.now()).toISOString() });
  }

  // --- hearing ---

  /** @param {any} message */
  #heard(message) {
    if (message.action === 'PING') return this.#link.send(this.#textOf({ action: 'PONG', seq_id: message.seq_id }));
    if (this.#requests.answered(message)) return;
    const late = message.action === 'PONG' || message.action.endsWith('_RESPONSE');
    if (late || !this.#session.advance(message.seq_id)) return;
    this.#note(message);
    this.#dispatch(message.action, message);
    this.#session.keep();
  }

  /**
   * Draw the conclusions that an event has for the connection itself.
   *
   * @param {any} message
   */
  #note(message) {
    if (message.action === 'TOKEN_EXPIRING') this.#renew();
    else if (message.action === 'SERVER_ANNOUNCEMENT') this.#link.wish(message.data?.reconnect_after_ms);
    else if (message.action === 'ERROR' && !message.data?.original_action) this.#link.part(AssaError.of(message));
  }

  #renew() {
    this.#tokens.renew((jwt) => this.request('CONNECT', { jwt_token: jwt }));
  }

  /**
   * @param {string} type
   * @param {any} detail
   */
  #dispatch(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** @param {string} text */
function isTooLong(text) {
  return text.length * 3 > MESSAGE_BYTES && new TextEncoder().encode(text).length > MESSAGE_BYTES;
}
