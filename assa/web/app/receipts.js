/** Who has received which of the user's own messages (MESSAGE_RECEIVED). No DOM. */

/** So many messages are remembered; the oldest are forgotten. */
const KEPT = 300;

export class Receipts {
  /** @type {Map<number, Set<number>>} Users by message. */
  #readers = new Map();

  /** @param {[number, number[]][]} kept What `toJSON` said. */
  constructor(kept = []) {
    for (const [id, users] of kept) this.#readers.set(id, new Set(users));
  }

  /**
   * @param {number} userId
   * @param {number[]} messageIds
   */
  add(userId, messageIds) {
    for (const id of messageIds) {
      if (!this.#readers.has(id)) this.#readers.set(id, new Set());
      this.#readers.get(id)?.add(userId);
    }
    const tooMany = this.#readers.size - KEPT;
    if (tooMany > 0)
      for (const id of [...this.#readers.keys()].sort((a, b) => a - b).slice(0, tooMany)) this.#readers.delete(id);
  }

  /**
   * @param {number | null} messageId
   * @returns {number[]} Users.
   */
  of(messageId) {
    return messageId === null ? [] : [...(this.#readers.get(messageId) ?? [])];
  }

  toJSON() {
    return [...this.#readers].map(([id, users]) => [id, [...users]]);
  }
}
