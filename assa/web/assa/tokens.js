/** The user's JWT: got when it is needed, and renewed before it expires (v1.1, TOKEN_EXPIRING). */

const AGAIN_MS = 10_000;

export class Tokens {
  #source;
  #clock;
  #current = '';
  #timer = /** @type {any} */ (null);

  /**
   * @param {string | (() => string | Promise<string>)} source
   * @param {import('./clock.js').Clock} clock
   */
  constructor(source, clock) {
    this.#source = source;
    this.#clock = clock;
  }

  /** The one that was got last. */
  get current() {
    return this.#current;
  }

  async fresh() {
    this.#current = typeof this.#source === 'function' ? await this.#source() : this.#source;
    return this.#current;
  }

  /**
   * Have a connection go on with a newer one. When none is to be had yet, there is time for some more attempts.
   *
   * @param {(jwt: string) => Promise<any>} use
   */
  async renew(use) {
    if (typeof this.#source !== 'function') return;
    try {
      await use(await this.fresh());
    } catch (error) {
      // Without a connection there is nothing to renew: the next one begins with a fresh token.
      if (/** @type {any} */ (error).code === 'DISCONNECTED') return;
      this.stop();
      this.#timer = this.#clock.setTimeout(() => this.renew(use), AGAIN_MS);
    }
  }

  stop() {
    this.#clock.clearTimeout(this.#timer);
  }
}
