/** Invitations that wait for the user. No DOM. */

export class Invitations {
  #memory;
  #changed;
  /** @type {Map<number, any>} INVITATION_RECEIVED by room. */
  #all;

  /**
   * @param {import('./memory.js').Memory} memory As the server tells of each once.
   * @param {() => void} changed
   */
  constructor(memory, changed) {
    this.#memory = memory;
    this.#changed = changed;
    this.#all = new Map(memory.get('invitations', []));
  }

  get all() {
    return [...this.#all.values()];
  }

  /** @param {any} data Of INVITATION_RECEIVED. */
  add(data) {
    this.#all.set(data.room_id, data);
    this.#told();
  }

  /** @param {number} roomId */
  remove(roomId) {
    if (this.#all.delete(roomId)) this.#told();
  }

  #told() {
    this.#memory.set('invitations', [...this.#all]);
    this.#changed();
  }
}
