/** The user's own messages, from queued to sent or failed. No DOM. */

import { merge } from './timeline.js';

export class Outgoing {
  #connection;
  #roomOf;
  #changed;

  /**
   * @param {object} uses
   * @param {import('../assa/connection.js').Connection} uses.connection
   * @param {(roomId: number) => import('./room.js').Room | undefined} uses.roomOf
   * @param {(room: import('./room.js').Room) => void} uses.changed
   */
  constructor({ connection, roomOf, changed }) {
    this.#connection = connection;
    this.#roomOf = roomOf;
    this.#changed = changed;
    const told = { queued: this.queued, sent: this.#sent, rejected: this.#rejected };
    for (const [type, hear] of Object.entries(told)) {
      connection.addEventListener(type, (event) => hear.call(this, /** @type {CustomEvent} */ (event).detail));
    }
  }

  /**
   * @param {number} roomId
   * @param {string} content
   * @param {{replyTo?: number | null, fileInfo?: any}} [options]
   */
  send(roomId, content, options = {}) {
    this.#connection.sendMessage(roomId, content, options).catch(() => {}); // `rejected` has told
  }

  /** @param {import('./timeline.js').Entry} entry One that has failed. */
  again(entry) {
    const { room_id: roomId, content, reply_to_message_id: replyTo, file_info: fileInfo } = entry.message;
    this.discard(entry);
    this.send(roomId, content, { replyTo, fileInfo });
  }

  /** @param {import('./timeline.js').Entry} entry */
  discard(entry) {
    const room = this.#roomOf(entry.message.room_id);
    if (!room) return;
    room.entries = room.entries.filter((one) => one !== entry);
    this.#changed(room);
  }

  /**
   * Show what waits to be sent.
   *
   * @param {{roomId: number, data: any}} told
   */
  queued({ roomId, data }) {
    const room = this.#roomOf(roomId);
    const key = `c${data.client_message_id}`;
    if (!room || room.entries.some((one) => one.key === key)) return;
    const user = { user_id: this.#connection.userId, nickname: '', profile_image: null };
    const message = { reply_to_message_id: null, ...data, message_id: null, user };
    const at = this.#connection.serverNow;
    room.entries = merge(room.entries, [{ kind: 'message', key, at, message, state: 'queued' }]);
    this.#changed(room);
  }

  /** @param {{clientMessageId: string, roomId: number, data: any}} told */
  #sent({ clientMessageId, roomId, data }) {
    const room = this.#roomOf(roomId);
    if (!room) return;
    const entry = room.entries.find((one) => one.key === `c${clientMessageId}`);
    const user = { user_id: this.#connection.userId, nickname: '', profile_image: null };
    const message = { reply_to_message_id: null, user, ...entry?.message, ...data };
    if (entry) Object.assign(entry, { message, state: 'sent', at: Date.parse(data.created_at) });
    room.add(entry ? [] : [message]);
    room.newest(message);
    this.#changed(room);
  }

  /** @param {{clientMessageId: string, roomId: number, error: any}} told */
  #rejected({ clientMessageId, roomId, error }) {
    const room = this.#roomOf(roomId);
    const entry = room?.entries.find((one) => one.key === `c${clientMessageId}`);
    if (!room || !entry) return;
    Object.assign(entry, { state: 'failed', error });
    this.#changed(room);
  }
}
