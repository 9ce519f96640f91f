/** The user's JWT: got when it is needed, and renewed before it expires (v1.1, TOKEN_EXPIRING). */

import type { Clock } from './clock.js';
import { AssaError } from './errors.js';

/** A JWT, or what gets one: asked at each CONNECT and when the one that is used is about to expire. */
export type TokenSource = string | (() => string | Promise<string>);

const AGAIN_MS = 10_000;

/** How long getting one may take; it has failed then. */
const PATIENCE_MS = 30_000;

export class Tokens {
  readonly #source: TokenSource;
  readonly #clock: Clock;
  #current = '';
  #timer: unknown = null;

  constructor(source: TokenSource, clock: Clock) {
    this.#source = source;
    this.#clock = clock;
  }

  /** The one that was got last. */
  get current(): string {
    return this.#current;
  }

  async fresh(): Promise<string> {
    this.#current = typeof this.#source === 'function' ? await this.#got(this.#source) : this.#source;
    return this.#current;
  }

  async #got(source: () => string | Promise<string>): Promise<string> {
    let timer: unknown;
    const tooLate = new Promise<never>((_, reject) => {
      timer = this.#clock.setTimeout(() => reject(new Error('no token came')), PATIENCE_MS);
    });
    try {
      return await Promise.race([source(), tooLate]);
    } finally {
      this.#clock.clearTimeout(timer);
    }
  }

  /** Have a connection go on with a newer one. When none is to be had yet, there is time for some more attempts. */
  async renew(use: (jwt: string) => Promise<unknown>): Promise<void> {
    if (typeof this.#source !== 'function') return;
    try {
      await use(await this.fresh());
    } catch (error) {
      // Without a connection there is nothing to renew: the next one begins with a fresh token.
      if (error instanceof AssaError && error.code === 'DISCONNECTED') return;
      this.stop();
      this.#timer = this.#clock.setTimeout(() => void this.renew(use), AGAIN_MS);
    }
  }

  stop(): void {
    this.#clock.clearTimeout(this.#timer);
  }
}
