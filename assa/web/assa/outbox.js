/** Messages on their way: in order, each until it is answered, across reconnects and reloads. */

import { AssaError } from './errors.js';
import { Kept } from './storage.js';

/** Answers after which the same message is sent again. */
const PASSING = new Set(['RATE_LIMITED', 'SERVICE_UNAVAILABLE', 'REQUEST_TIMEOUT']);

const RETRY_MS = 1_000;

/**
 * @typedef {object} Entry
 * @property {any} data Of SEND_MESSAGE.
 * @property {Promise<any>} promise
 * @property {(data: any) => void} resolve
 * @property {(error: AssaError) => void} reject
 */

export class Outbox {
  #kept;
  #clock;
  #ask;
  #tell;
  /** @type {Entry[]} Oldest first; the first may be in flight. */
  #entries = [];
  /** @type {number | null} Whose messages they are. */
  #userId = null;
  #open = false;
  /** Counts the connections, as the end of what was sent over an earlier one is not of interest. */
  #era = 0;
  #timer = /** @type {any} */ (null);

  /**
   * @param {object} uses
   * @param {import('./storage.js').StorageLike | null | undefined} uses.store
   * @param {import('./clock.js').Clock} uses.clock
   * @param {(data: any) => Promise<any>} uses.ask Sends SEND_MESSAGE.
   * @param {(type: 'queued' | 'sent' | 'rejected', detail: any) => void} uses.tell
   */
  constructor({ store, clock, ask, tell }) {
    this.#kept = new Kept(store, 'assa.outbox');
    this.#clock = clock;
    this.#ask = ask;
    this.#tell = tell;
    const kept = this.#kept.read();
    if (Array.isArray(kept?.messages)) {
      this.#userId = kept.user_id;
      this.#entries = kept.messages.map(entryOf);
    }
  }

  /** The data of the SEND_MESSAGEs that have no answer yet, oldest first. */
  get messages() {
    return this.#entries.map((one) => structuredClone(one.data));
  }

  /**
   * Send a message as soon as can be.
   *
   * @param {any} data Of SEND_MESSAGE, with a `client_message_id`.
   * @returns {Promise<any>} The data of its answer.
   */
  add(data) {
    const id = data.client_message_id;
    const known = this.#entries.find((one) => one.data.client_message_id === id && one.data.room_id === data.room_id);
    if (known) return known.promise;
    const entry = entryOf(data);
    this.#entries.push(entry);
    this.#keep();
    this.#tell('queued', { clientMessageId: id, roomId: data.room_id, data });
    if (this.#entries.length === 1) this.#send();
    return entry.promise;
  }

  /**
   * Begin to send: there is a connection.
   *
   * @param {number} userId Whose it is; another user's messages are dropped.
   */
  open(userId) {
    if (this.#userId !== null && this.#userId !== userId) this.clear(new AssaError('DISCONNECTED', 'another user'));
    this.#userId = userId;
    this.#open = true;
    this.#era += 1;
    this.#keep();
    this.#send();
  }

  /** Wait: there is no connection. */
  shut() {
    this.#open = false;
    this.#era += 1;
    this.#clock.clearTimeout(this.#timer);
  }

  /**
   * Give up all messages.
   *
   * @param {AssaError} error
   */
  clear(error) {
    this.shut();
    for (const entry of this.#entries.splice(0)) this.#refuse(entry, error);
    this.#userId = null;
    this.#keep();
  }

  /** Send the first; the next follows its answer, or a message that is refused for a while would be overtaken. */
  #send() {
    const [entry] = this.#entries;
    if (!entry || !this.#open) return;
    const era = this.#era;
    this.#ask(entry.data).then(
      (data) => {
        if (this.#done(entry)) {
          this.#tell('sent', { clientMessageId: entry.data.client_message_id, roomId: entry.data.room_id, data });
          entry.resolve(data);
        }
        if (era === this.#era) this.#send();
      },
      (error) => {
        if (era === this.#era) this.#failed(entry, error);
      },
    );
  }

  /**
   * @param {Entry} entry
   * @param {AssaError} error
   */
  #failed(entry, error) {
    if (error.code === 'DISCONNECTED') return; // open() sends it again
    if (PASSING.has(error.code)) {
      this.#timer = this.#clock.setTimeout(() => this.#send(), error.retryAfterMs ?? RETRY_MS);
      return;
    }
    if (this.#done(entry)) this.#refuse(entry, error);
    this.#send();
  }

  /**
   * Take a message out; return whether it was there.
   *
   * @param {Entry} entry
   */
  #done(entry) {
    const index = this.#entries.indexOf(entry);
    if (index === -1) return false;
    this.#entries.splice(index, 1);
    this.#keep();
    return true;
  }

  /**
   * @param {Entry} entry
   * @param {AssaError} error
   */
  #refuse(entry, error) {
    const { client_message_id: clientMessageId, room_id: roomId } = entry.data;
    this.#tell('rejected', { clientMessageId, roomId, data: entry.data, error });
    entry.reject(error);
  }

  #keep() {
    const messages = this.#entries.map((one) => one.data);
    this.#kept.write(messages.length ? { user_id: this.#userId, messages } : null);
  }
}

/**
 * @param {any} data
 * @returns {Entry}
 */
function entryOf(data) {
  /** @type {any} */
  const entry = { data };
  entry.promise = new Promise((resolve, reject) => Object.assign(entry, { resolve, reject }));
  entry.promise.catch(() => {}); // of a message of an earlier page, nobody has the promise
  return entry;
}
