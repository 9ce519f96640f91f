/** Tells the others whether microphone and camera are on (§7.5), again if that was lost. */

export class Status {
  #media;
  #signal;
  #clock;
  #lost = false;
  #timer = /** @type {any} */ (null);

  /**
   * @param {object} uses
   * @param {import('./media.js').Media} uses.media
   * @param {(status: any) => Promise<void>} uses.signal
   * @param {import('./clock.js').Clock} uses.clock
   */
  constructor({ media, signal, clock }) {
    this.#media = media;
    this.#signal = signal;
    this.#clock = clock;
  }

  tell() {
    this.stop();
    this.#lost = false;
    this.#signal(this.#media.status).catch((error) => {
      if (error.code === 'DISCONNECTED') this.#lost = true;
      else if (error.retryAfterMs !== null) this.#timer = this.#clock.setTimeout(() => this.tell(), error.retryAfterMs);
    });
  }

  /** Go on: the connection to the server is there again. */
  resume() {
    if (this.#lost) this.tell();
  }

  stop() {
    this.#clock.clearTimeout(this.#timer);
  }
}
