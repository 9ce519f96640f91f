/** Looks for another way when that of sound and pictures is broken: ICE restarts, at once or after a while. */

const DISCONNECTED_MS = 5_000;

/** The polite one lets the other begin: both would only get in each other's way. */
const POLITE_MS = 2_000;

const AGAIN_MS = 10_000;
const AGAIN_MOST_MS = 60_000;

export class IceWatch {
  #uses;
  #timer = /** @type {any} */ (null);
  #restarts = 0;

  /**
   * @param {object} uses
   * @param {import('./clock.js').Clock} uses.clock
   * @param {boolean} uses.polite
   * @param {() => RTCIceConnectionState} uses.state
   * @param {() => void} uses.restart
   */
  constructor(uses) {
    this.#uses = uses;
  }

  /** Take note of a new state. */
  changed() {
    const state = this.#uses.state();
    const patience = this.#uses.polite ? POLITE_MS : 0;
    if (state === 'connected' || state === 'completed') this.stop();
    else if (state === 'failed') this.#soon(patience);
    else if (state === 'disconnected') this.#soon(DISCONNECTED_MS + patience);
  }

  /** Wait no longer, if there is something to mend: there is news of the network. */
  hurry() {
    if (this.#broken()) this.#soon(0);
  }

  stop() {
    this.#restarts = 0;
    this.#uses.clock.clearTimeout(this.#timer);
  }

  /** @param {number} ms */
  #soon(ms) {
    this.#uses.clock.clearTimeout(this.#timer);
    this.#timer = this.#uses.clock.setTimeout(() => {
      if (this.#broken()) this.#uses.restart();
      else if (this.#uses.state() !== 'checking') return;
      this.#restarts += 1;
      this.#soon(Math.min(AGAIN_MS * this.#restarts, AGAIN_MOST_MS));
    }, ms);
  }

  #broken() {
    const state = this.#uses.state();
    return state === 'failed' || state === 'disconnected';
  }
}
