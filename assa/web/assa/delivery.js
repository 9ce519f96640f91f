/** Signalling to one participant: said again until the server has it, or it does not matter any more. */

const RETRY_MS = 1_000;

/** @typedef {{action: string, fields: any, current: () => boolean}} Word */

export class Delivery {
  #uses;
  /** @type {Word[]} What was lost with the connection to the server, or may have been. */
  #lost = [];
  /** @type {Set<any>} */
  #timers = new Set();
  #closed = false;

  /**
   * @param {object} uses
   * @param {(action: string, fields: any) => Promise<void>} uses.signal
   * @param {(error: import('./errors.js').AssaError) => void} uses.refused Told of what the server does not take.
   * @param {import('./clock.js').Clock} uses.clock
   */
  constructor(uses) {
    this.#uses = uses;
  }

  /**
   * @param {string} action
   * @param {any} fields
   * @param {() => boolean} current Whether it still matters.
   */
  say(action, fields, current) {
    this.#say({ action, fields, current });
  }

  /** Say what was lost: the connection to the server is there again. */
  resume() {
    for (const word of this.#lost.splice(0)) if (word.current()) this.#say(word);
  }

  close() {
    this.#closed = true;
    this.#lost = [];
    for (const timer of this.#timers) this.#uses.clock.clearTimeout(timer);
  }

  /** @param {Word} word */
  #say(word) {
    this.#uses.signal(word.action, word.fields).catch((error) => {
      if (this.#closed || !word.current()) return;
      if (error.code === 'DISCONNECTED') this.#lost.push(word);
      else if (error.retryAfterMs !== null || error.code === 'REQUEST_TIMEOUT') this.#later(word, error.retryAfterMs);
      else this.#uses.refused(error);
    });
  }

  /**
   * @param {Word} word
   * @param {number | null} ms
   */
  #later(word, ms) {
    const timer = this.#uses.clock.setTimeout(() => {
      this.#timers.delete(timer);
      if (word.current()) this.#say(word);
    }, ms ?? RETRY_MS);
    this.#timers.add(timer);
  }
}
