/** What outlives a reload of the page, of one user, in a `Storage` such as `sessionStorage`. */

const KEY = 'assa.app';

export class Memory {
  #store;
  #all = /** @type {Record<string, any>} */ ({});

  /**
   * @param {import('../assa/storage.js').StorageLike | null} store
   * @param {number | null} userId What another user left is forgotten.
   */
  constructor(store, userId) {
    this.#store = store;
    const kept = read(store);
    this.#all = kept?.userId === userId ? kept : { userId };
  }

  /**
   * @template T
   * @param {string} name
   * @param {T} otherwise
   * @returns {T}
   */
  get(name, otherwise) {
    return this.#all[name] ?? otherwise;
  }

  /**
   * @param {string} name
   * @param {any} value Whatever JSON can hold.
   */
  set(name, value) {
    this.#all[name] = value;
    try {
      this.#store?.setItem(KEY, JSON.stringify(this.#all));
    } catch {
      // Full, or forbidden: the page goes on, and a reload will know less.
    }
  }

  forget() {
    this.#all = {};
    this.#store?.removeItem(KEY);
  }
}

/** @param {import('../assa/storage.js').StorageLike | null} store */
function read(store) {
  try {
    return JSON.parse(store?.getItem(KEY) ?? 'null');
  } catch {
    return null;
  }
}
