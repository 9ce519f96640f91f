/** Confirms what the user has read, with CHECK_RECEIVE (§5.3), as often as it takes. No DOM. */

const AGAIN_MS = 1_000;

export class Reading {
  #request;
  #changed;
  #later;
  /** @type {Set<any>} Rooms that are being confirmed. */
  #busy = new Set();

  /**
   * @param {object} uses
   * @param {(action: string, data: any) => Promise<any>} uses.request
   * @param {(room: any) => void} uses.changed Told that a room's count is another.
   * @param {(task: () => void, ms: number) => void} [uses.later]
   */
  constructor({ request, changed, later = setTimeout }) {
    this.#request = request;
    this.#changed = changed;
    this.#later = later;
  }

  /**
   * Take note that everything up to a message has been read.
   *
   * @param {import('./room.js').Room} room
   * @param {number} messageId
   */
  async upTo(room, messageId) {
    room.unread.seen(messageId);
    await this.confirm(room);
  }

  /**
   * Learn which messages are unread, where only their number is known.
   *
   * @param {import('./room.js').Room} room
   */
  async look(room) {
    if (room.unread.isVague) await this.#check(room, []);
  }

  /**
   * Confirm what is due; without a connection it stays due.
   *
   * @param {import('./room.js').Room} room
   */
  async confirm(room) {
    if (this.#busy.has(room)) return;
    this.#busy.add(room);
    try {
      await this.look(room);
      for (let due = room.unread.due; due.length > 0; due = room.unread.due) {
        const { received_messages: received } = await this.#check(room, due);
        if (received.length === 0) break; // or it would be asked without end
        await this.look(room);
      }
    } catch (error) {
      const { code, retryAfterMs } = /** @type {any} */ (error);
      const passing = retryAfterMs !== null || code === 'REQUEST_TIMEOUT';
      if (passing) this.#later(() => this.confirm(room), retryAfterMs ?? AGAIN_MS);
    } finally {
      this.#busy.delete(room);
    }
  }

  /**
   * @param {import('./room.js').Room} room
   * @param {number[]} ids
   */
  async #check(room, ids) {
    const before = room.unread.count;
    const data = await this.#request('CHECK_RECEIVE', { room_id: room.id, message_ids: ids });
    room.unread.answered(
      ids,
      data.pending_messages.map((/** @type {any} */ one) => one.message_id),
    );
    if (room.unread.count !== before) this.#changed(room);
    return data;
  }
}
