/** What resumes a session: its id, and the position of the last event that came (v1.1, "Sessions and recovery"). */

import { randomId } from './ids.js';
import { Kept } from './storage.js';

/**
 * Return the number of a position such as `e1024`, or null for a `seq_id` that is none.
 *
 * @param {unknown} seqId
 * @returns {bigint | null}
 */
export function positionOf(seqId) {
  return typeof seqId === 'string' && /^e\d{1,19}$/.test(seqId) ? BigInt(seqId.slice(1)) : null;
}

export class Session {
  #kept;
  /** @type {string | null} */
  sessionId = null;
  /** @type {string | null} */
  lastSeqId = null;
  /** Whether there is a session to go on with: what comes after its end is not written down. */
  #alive;
  deviceId;

  /**
   * @param {import('./storage.js').StorageLike | null | undefined} store
   * @param {string} [deviceId] Without it, the one that was kept, else a new one.
   */
  constructor(store, deviceId) {
    this.#kept = new Kept(store, 'assa.session');
    const kept = this.#kept.read() ?? {};
    this.sessionId = textOf(kept.session_id);
    this.lastSeqId = textOf(kept.last_seq_id);
    this.#alive = this.sessionId !== null;
    this.deviceId = deviceId ?? textOf(kept.device_id) ?? randomId();
  }

  /**
   * Take the answer to CONNECT; return whether events are missing since the connection before.
   *
   * @param {any} data
   * @returns {boolean}
   */
  welcomed(data) {
    const info = data.reconnection_info ?? {};
    const gap = this.lastSeqId !== null && info.resumed !== true;
    // Resumed: what was missed comes next, so the old position counts until then.
    if (this.lastSeqId === null || gap) this.lastSeqId = textOf(info.last_seq_id);
    this.sessionId = data.session_id;
    this.#alive = true;
    this.keep();
    return gap;
  }

  /**
   * Take note of an event; return false for one that has come already.
   *
   * @param {unknown} seqId
   * @returns {boolean}
   */
  advance(seqId) {
    const position = positionOf(seqId);
    if (position === null) return true;
    if (!this.#alive) return false;
    const last = positionOf(this.lastSeqId);
    if (last !== null && position <= last) return false;
    this.lastSeqId = /** @type {string} */ (seqId);
    return true;
  }

  /** Write it down for the next page. */
  keep() {
    this.#kept.write({ session_id: this.sessionId, last_seq_id: this.lastSeqId, device_id: this.deviceId });
  }

  /** Forget a session that has been ended; the device stays the same. */
  forget() {
    this.sessionId = null;
    this.lastSeqId = null;
    this.#alive = false;
    this.keep();
  }
}

/**
 * @param {unknown} value
 * @returns {string | null}
 */
function textOf(value) {
  return typeof value === 'string' && value !== '' ? value : null;
}
