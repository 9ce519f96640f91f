/** How a lost connection comes back (§10.3): three attempts at most, after 1, 2 and 4 seconds. */

export const BACKOFF_MS: readonly number[] = [1_000, 2_000, 4_000];

/** Part of a delay that is added at random, so that not all clients come back at once. */
const JITTER = 0.2;

const LEAST_MS = 100;
const MOST_MS = 3_600_000;

export interface NextAttempt {
  /** Counted from 1. */
  attempt: number;
  delayMs: number;
}

/** Return a delay that a server wants, within reason: neither without a pause nor never. */
export function bounded(ms: number): number {
  return Math.min(Math.max(ms, LEAST_MS), MOST_MS);
}

export class Backoff {
  readonly #random: () => number;
  #attempts = 0;
  #announcedMs: number | null = null;
  #wishMs = 0;

  /** @param random From 0 to 1. */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** Begin anew: there is a connection. */
  reset(): void {
    this.#attempts = 0;
    this.#forget();
  }

  /** Take the server's word for when to come back: it wins, as the server has spread its clients already. */
  announce(ms: unknown): void {
    if (typeof ms === 'number') this.#announcedMs = bounded(ms);
  }

  /** Take note of how long the server wants to be left alone; the next attempt waits at least so long. */
  wish(ms: number | null): void {
    if (ms !== null) this.#wishMs = Math.max(this.#wishMs, bounded(ms));
  }

  /** Return the next attempt and the time until then; null when it is time to give up. */
  next(): NextAttempt | null {
    const base = BACKOFF_MS[this.#attempts];
    if (base === undefined) return null;
    const usual = Math.max(base * (1 + JITTER * this.#random()), this.#wishMs);
    const delayMs = Math.round(this.#announcedMs ?? usual);
    this.#attempts += 1;
    this.#forget(); // what was said counts for one attempt
    return { attempt: this.#attempts, delayMs };
  }

  #forget(): void {
    this.#announcedMs = null;
    this.#wishMs = 0;
  }
}
