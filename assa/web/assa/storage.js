/**
 * What outlives a page: JSON in a `Storage` such as `sessionStorage`, or nowhere.
 *
 * @typedef {{getItem(key: string): string | null, setItem(key: string, value: string): void,
 *   removeItem(key: string): void}} StorageLike
 */

export class Kept {
  #store;
  #key;

  /**
   * @param {StorageLike | null | undefined} store
   * @param {string} key
   */
  constructor(store, key) {
    this.#store = store;
    this.#key = key;
  }

  /**
   * Return what was kept, or null: also when it is broken, as anybody may write there.
   *
   * @returns {any}
   */
  read() {
    try {
      return JSON.parse(this.#store?.getItem(this.#key) ?? 'null');
    } catch {
      return null;
    }
  }

  /** @param {any} value What to keep; null: nothing. */
  write(value) {
    try {
      if (value === null) this.#store?.removeItem(this.#key);
      else this.#store?.setItem(this.#key, JSON.stringify(value));
    } catch {
      // Full, or forbidden: everything goes on, but a reload will not.
    }
  }
}
