/** How a lost connection comes back (§10.3): three attempts at most, after 1, 2 and 4 seconds. */

export const BACKOFF_MS = [1_000, 2_000, 4_000];

/** Part of a delay that is added at random, so that not all clients come back at once. */
const JITTER = 0.2;

export class Backoff {
  #random;
  #attempts = 0;
  #wishMs = 0;

  /** @param {() => number} [random] From 0 to 1. */
  constructor(random = Math.random) {
    this.#random = random;
  }

  /** Begin anew: there is a connection. */
  reset() {
    this.#attempts = 0;
    this.#wishMs = 0;
  }

  /**
   * Take note of how long the server wants to be left alone; the next attempt waits at least so long.
   *
   * @param {number | null | undefined} ms
   */
  wish(ms) {
    this.#wishMs = Math.max(this.#wishMs, ms ?? 0);
  }

  /**
   * Return the next attempt, counted from 1, and the time until then; null when it is time to give up.
   *
   * @returns {{attempt: number, delayMs: number} | null}
   */
  next() {
    if (this.#attempts === BACKOFF_MS.length) return null;
    const delayMs = Math.max(BACKOFF_MS[this.#attempts] * (1 + JITTER * this.#random()), this.#wishMs);
    this.#attempts += 1;
    this.#wishMs = 0;
    return { attempt: this.#attempts, delayMs: Math.round(delayMs) };
  }
}
