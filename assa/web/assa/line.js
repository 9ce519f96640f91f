/** One WebSocket: a JSON message in each text frame, both ways, and a watch over its silence. */

import { AssaError } from './errors.js';

export const SUBPROTOCOL = 'assa.v1';

/** The server sends PING every 30 s; when nothing at all came for so long, nothing will. */
export const SILENCE_MS = 70_000;

/** §10.1; a longer message would close the connection. */
export const MESSAGE_BYTES = 1_048_576;

const OPEN = 1;

export class Line {
  #socket;
  #clock;
  #heard;
  #lost;
  #watch = /** @type {any} */ (null);
  #last;
  #over = false;

  /**
   * @param {string} url
   * @param {object} uses
   * @param {typeof globalThis.WebSocket} uses.WebSocket
   * @param {import('./clock.js').Clock} uses.clock
   * @param {() => void} uses.opened
   * @param {(message: any) => void} uses.heard Takes each message.
   * @param {(error: AssaError) => void} uses.lost Called once, when the other side or the network ends it.
   */
  constructor(url, { WebSocket, clock, opened, heard, lost }) {
    this.#clock = clock;
    this.#heard = heard;
    this.#lost = lost;
    this.#last = clock.now();
    this.#socket = new WebSocket(url, SUBPROTOCOL);
    this.#socket.onopen = () => {
      this.#last = clock.now();
      this.#guard();
      opened();
    };
    this.#socket.onmessage = (event) => this.#received(event.data);
    // Node's WebSocket does not fire `close` when it cannot connect; where both come, the second is not news.
    this.#socket.onerror = () => this.abort('the connection was lost');
    this.#socket.onclose = (event) => this.abort(event?.reason ? `closed: ${event.reason}` : 'the connection was lost');
  }

  /** @param {string} text */
  send(text) {
    if (!this.#over && this.#socket.readyState === OPEN) this.#socket.send(text);
  }

  /**
   * Give it up as lost.
   *
   * @param {string} reason
   */
  abort(reason) {
    if (this.#over) return;
    this.close();
    this.#lost(new AssaError('DISCONNECTED', reason));
  }

  /** Close it; nothing is heard of it any more. */
  close() {
    if (this.#over) return;
    this.#over = true;
    this.#clock.clearTimeout(this.#watch);
    const socket = this.#socket;
    socket.onopen = socket.onmessage = socket.onclose = null;
    // A socket that is not open yet reports an error when it is closed; that is not news.
    socket.onerror = () => {};
    socket.close(1000);
  }

  /** @param {unknown} text */
  #received(text) {
    this.#last = this.#clock.now();
    let message;
    try {
      message = JSON.parse(/** @type {string} */ (text));
    } catch {
      return; // not of this protocol
    }
    if (message && typeof message.action === 'string') this.#heard(message);
  }

  #guard() {
    const quietMs = this.#clock.now() - this.#last;
    if (quietMs >= SILENCE_MS) this.abort('nothing was heard from the server');
    else this.#watch = this.#clock.setTimeout(() => this.#guard(), SILENCE_MS - quietMs);
  }
}
