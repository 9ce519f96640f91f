/** STUN and TURN servers, asked for again before the TURN credentials run out (v1.1, GET_ICE_SERVERS). */

/** Timers take no more than 31 bits. */
const MOST_MS = 2 ** 31 - 1;
const LEAST_MS = 10_000;

/** Part of their time after which others are asked for. */
const USED = 0.8;

export class IceServers {
  #uses;
  /** @type {RTCIceServer[]} */
  #servers = [];
  #timer = /** @type {any} */ (null);
  #stopped = false;

  /**
   * @param {object} uses
   * @param {import('./clock.js').Clock} uses.clock
   * @param {() => number} uses.now The server's time.
   * @param {() => Promise<RTCIceServer[]>} uses.ask
   * @param {(iceServers: RTCIceServer[]) => void} uses.changed
   */
  constructor(uses) {
    this.#uses = uses;
  }

  /** @param {RTCIceServer[]} servers */
  use(servers) {
    this.#stopped = false;
    this.#servers = servers;
    this.#uses.changed(servers);
    this.plan();
  }

  /** Plan when to ask again: also after a time in which that was not possible. */
  plan() {
    this.#uses.clock.clearTimeout(this.#timer);
    const expiry = expiryOf(this.#servers);
    if (expiry === null) return;
    const ms = Math.min(Math.max((expiry - this.#uses.now()) * USED, LEAST_MS), MOST_MS);
    this.#timer = this.#uses.clock.setTimeout(() => this.#refresh(), ms);
  }

  stop() {
    this.#stopped = true;
    this.#uses.clock.clearTimeout(this.#timer);
  }

  async #refresh() {
    const servers = await this.#uses.ask().catch(() => null);
    if (this.#stopped) return;
    if (servers) this.use(servers);
    else this.plan();
  }
}

/**
 * Return when the first of the credentials expires, milliseconds since the epoch; null when none does: their user
 * name begins with a second (draft-uberti-behave-turn-rest).
 *
 * @param {RTCIceServer[]} servers
 * @returns {number | null}
 */
function expiryOf(servers) {
  const seconds = servers.map((one) => Number(/^(\d{9,11})(:|$)/.exec(one.username ?? '')?.[1])).filter(Boolean);
  return seconds.length ? Math.min(...seconds) * 1_000 : null;
}
