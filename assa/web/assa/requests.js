/** Requests that wait for their answers (§2, §10.2). */

import { AssaError } from './errors.js';

/** The server answers in 9 s, if need be with an error (§10.2). */
export const ANSWER_MS = 10_000;

/** Signalling waits so long for company before its arrival is asked about. */
const CONFIRM_MS = 250;

/**
 * @typedef {(error: AssaError | null, data: any) => void} Settle Called once: an error, or the data of the answer.
 * @typedef {{action: string, silent: boolean, settle: Settle, timer: any}} Pending
 */

export class Requests {
  #clock;
  #overdue;
  #confirm;
  #confirming = /** @type {any} */ (null);
  #number = 0;
  /** @type {Map<string, Pending>} In the order in which they were sent, which is that of the answers. */
  #pending = new Map();

  /**
   * @param {import('./clock.js').Clock} clock
   * @param {(action: string) => void} overdue Told of a request that got no answer, after it was settled.
   * @param {() => void} confirm Asks the server something, so that what came before is known as processed.
   */
  constructor(clock, overdue, confirm) {
    this.#clock = clock;
    this.#overdue = overdue;
    this.#confirm = confirm;
  }

  /**
   * Take a request in; return its `seq_id`.
   *
   * @param {string} action
   * @param {Settle} settle
   * @param {boolean} [silent] Whether the server answers it only when it fails: SDP and its like. Such a one is
   *   settled by the next answer to a later request, as answers come in the order of the requests.
   * @returns {string}
   */
  add(action, settle, silent = false) {
    this.#number += 1;
    const seqId = `web-${this.#number}`;
    const timer = silent ? null : this.#clock.setTimeout(() => this.#expire(seqId), ANSWER_MS);
    this.#pending.set(seqId, { action, silent, settle, timer });
    if (silent) this.#confirming ??= this.#clock.setTimeout(() => this.#confirmSilent(), CONFIRM_MS);
    return seqId;
  }

  /**
   * Settle the request that a message answers; return whether it answers one.
   *
   * @param {any} message
   * @returns {boolean}
   */
  answered(message) {
    const answers = message.action === 'ERROR' || message.action === 'PONG' || message.action.endsWith('_RESPONSE');
    if (!answers || !this.#pending.has(message.seq_id)) return false;
    for (const [seqId, one] of this.#pending) {
      if (seqId === message.seq_id) {
        const failed = message.success === false || message.action === 'ERROR';
        this.#settle(seqId, failed ? AssaError.of(message) : null, message.data ?? {});
        break;
      }
      if (one.silent) this.#settle(seqId, null, {});
    }
    return true;
  }

  /**
   * Settle all of them: there will be no answers.
   *
   * @param {AssaError} error
   */
  fail(error) {
    this.#clock.clearTimeout(this.#confirming);
    this.#confirming = null;
    for (const seqId of [...this.#pending.keys()]) this.#settle(seqId, error, {});
  }

  /**
   * Settle one that cannot be sent.
   *
   * @param {string} seqId
   * @param {AssaError} error
   */
  refuse(seqId, error) {
    this.#settle(seqId, error, {});
  }

  #confirmSilent() {
    this.#confirming = null;
    if ([...this.#pending.values()].some((one) => one.silent)) this.#confirm();
  }

  /** @param {string} seqId */
  #expire(seqId) {
    const action = this.#pending.get(seqId)?.action ?? '';
    this.#settle(seqId, new AssaError('REQUEST_TIMEOUT', `no answer to ${action}`), {});
    this.#overdue(action);
  }

  /**
   * @param {string} seqId
   * @param {AssaError | null} error
   * @param {any} data
   */
  #settle(seqId, error, data) {
    const one = this.#pending.get(seqId);
    if (!one) return;
    this.#pending.delete(seqId);
    this.#clock.clearTimeout(one.timer);
    one.settle(error, data);
  }
}
