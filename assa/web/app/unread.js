/** The unread messages of a room: how many, which, and which of them are to be confirmed (§5.3). No DOM. */

/** CHECK_RECEIVE takes so many ids, and returns so many that are pending. */
const CONFIRMED_AT_ONCE = 500;
const PENDING_AT_ONCE = 100;

export class Unread {
  /** @type {Set<number>} Ids of unread messages that are known. */
  #ids = new Set();
  /** How many there are besides, whose ids are not known. */
  #unknown = 0;
  /** The newest message that a count of the server has looked at. */
  #countedTo = 0;
  #seenTo = 0;
  #confirmedTo = 0;

  get count() {
    return this.#unknown + this.#ids.size;
  }

  /** The oldest one that is known, or null. */
  get first() {
    return this.#ids.size ? Math.min(...this.#ids) : null;
  }

  /** Whether only the server can tell which they are. */
  get isVague() {
    return this.#unknown > 0 && this.#ids.size === 0;
  }

  /** What has been seen and is not confirmed yet, oldest first. */
  get due() {
    const seen = [...this.#ids].filter((id) => id <= this.#seenTo);
    return seen.sort((one, other) => one - other).slice(0, CONFIRMED_AT_ONCE);
  }

  /**
   * Take the server's count.
   *
   * @param {number} count
   * @param {number} newestId The newest message that it knew; those after it come as events.
   */
  counted(count, newestId) {
    this.#unknown = count;
    this.#countedTo = newestId;
    for (const id of this.#ids) if (id <= newestId) this.#ids.delete(id);
  }

  /** @param {number} id Of a new message of somebody else. */
  heard(id) {
    if (id > this.#countedTo && id > this.#confirmedTo) this.#ids.add(id);
  }

  /** @param {number} id The user has read everything up to this message. */
  seen(id) {
    this.#seenTo = Math.max(this.#seenTo, id);
  }

  /**
   * Take the answer to CHECK_RECEIVE.
   *
   * @param {number[]} asked
   * @param {number[]} pending Ascending; fewer than a hundred are all there are.
   */
  answered(asked, pending) {
    for (const id of asked) this.#ids.delete(id);
    this.#confirmedTo = Math.max(this.#confirmedTo, ...asked);
    const fresh = pending.filter((id) => !this.#ids.has(id));
    if (pending.length < PENDING_AT_ONCE) {
      this.#unknown = 0;
      this.#forgetOthers(new Set(pending), Math.max(this.#countedTo, ...asked, ...pending));
    } else {
      this.#unknown = Math.max(0, this.#unknown - fresh.length);
    }
    for (const id of fresh) this.#ids.add(id);
  }

  /**
   * Forget what has been confirmed elsewhere; what is newer than the answer stays.
   *
   * @param {Set<number>} pending
   * @param {number} newestId
   */
  #forgetOthers(pending, newestId) {
    for (const id of this.#ids) if (id <= newestId && !pending.has(id)) this.#ids.delete(id);
  }
}
