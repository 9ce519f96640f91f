/** How a lost connection comes back (§10.3): three attempts at most, after 1, 2 and 4 seconds. */

export const BACKOFF_MS: readonly number[] = [1_000, 2_000, 4_000];

/** Part of a delay that is added at random, so that not all clients come back at once. */
const JITTER = 0.2;

export interface NextAttempt {
  /** Counted from 1. */
  attempt: number;
  delayMs: number;
}

export class Backoff {
  readonly #random: () => number;
  #attempts = 0;
  #wishMs = 0;

  /** @param random From 0 to 1. */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** Begin anew: there is a connection. */
  reset(): void {
    this.#attempts = 0;
    this.#wishMs = 0;
  }

  /** Take note of how long the server wants to be left alone; the next attempt waits at least so long. */
  wish(ms: unknown): void {
    if (typeof ms === 'number') this.#wishMs = Math.max(this.#wishMs, ms);
  }

  /** Return the next attempt and the time until then; null when it is time to give up. */
  next(): NextAttempt | null {
    const base = BACKOFF_MS[this.#attempts];
    if (base === undefined) return null;
    const delayMs = Math.round(Math.max(base * (1 + JITTER * this.#random()), this.#wishMs));
    this.#attempts += 1;
    this.#wishMs = 0;
    return { attempt: this.#attempts, delayMs };
  }
}
