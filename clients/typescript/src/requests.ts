/** Requests that wait for their answers (§2, §10.2). */

import type { Clock } from './clock.js';
import { AssaError } from './errors.js';
import type { Message } from './messages.js';

/** The server answers in 9 s, if need be with an error (§10.2). */
export const ANSWER_MS = 10_000;

/** Signalling waits so long for company before its arrival is asked about. */
const CONFIRM_MS = 250;

/** Called once: with an error, or with the data of the answer. */
export type Settle = (error: AssaError | null, data: Message['data']) => void;

interface Pending {
  action: string;
  silent: boolean;
  settle: Settle;
  timer: unknown;
}

export class Requests {
  readonly #clock: Clock;
  readonly #overdue: (action: string) => void;
  readonly #confirm: () => void;
  #confirming: unknown = null;
  #number = 0;
  /** In the order in which they were sent, which is that of the answers. */
  readonly #pending = new Map<string, Pending>();

  /**
   * @param overdue Told of a request that got no answer, after it was settled.
   * @param confirm Asks the server something, so that what came before is known as processed.
   */
  constructor(clock: Clock, overdue: (action: string) => void, confirm: () => void) {
    this.#clock = clock;
    this.#overdue = overdue;
    this.#confirm = confirm;
  }

  /**
   * Take a request in; return its `seq_id`.
   *
   * @param silent Whether the server answers it only when it fails: SDP and its like. Such a one is settled by the
   *   next answer to a later request, as answers come in the order of the requests.
   */
  add(action: string, settle: Settle, silent = false): string {
    this.#number += 1;
    const seqId = `c-${this.#number}`;
    const timer = silent ? null : this.#clock.setTimeout(() => this.#expire(seqId), ANSWER_MS);
    this.#pending.set(seqId, { action, silent, settle, timer });
    if (silent) this.#confirming ??= this.#clock.setTimeout(() => this.#confirmSilent(), CONFIRM_MS);
    return seqId;
  }

  /** Settle the request that a message answers; return whether it answers one. */
  answered(message: Message): boolean {
    const { action, seq_id: answered } = message;
    if (!isAnswer(action) || !answered || !this.#pending.has(answered)) return false;
    for (const [seqId, { silent }] of this.#pending) {
      if (seqId === answered) break;
      if (silent) this.#settle(seqId, null, null);
    }
    const failed = message.success === false || action === 'ERROR';
    this.#settle(answered, failed ? AssaError.of(message) : null, message.data);
    return true;
  }

  /** Settle all of them: there will be no answers. */
  fail(error: AssaError): void {
    this.#clock.clearTimeout(this.#confirming);
    this.#confirming = null;
    for (const seqId of [...this.#pending.keys()]) this.#settle(seqId, error, null);
  }

  /** Settle one that cannot be sent. */
  refuse(seqId: string, error: AssaError): void {
    this.#settle(seqId, error, null);
  }

  #confirmSilent(): void {
    this.#confirming = null;
    if ([...this.#pending.values()].some(({ silent }) => silent)) this.#confirm();
  }

  #expire(seqId: string): void {
    const action = this.#pending.get(seqId)?.action ?? '';
    this.#settle(seqId, new AssaError('REQUEST_TIMEOUT', `no answer to ${action}`), null);
    this.#overdue(action);
  }

  #settle(seqId: string, error: AssaError | null, data: Message['data']): void {
    const one = this.#pending.get(seqId);
    if (!one) return;
    this.#pending.delete(seqId);
    this.#clock.clearTimeout(one.timer);
    one.settle(error, data);
  }
}

/** Return whether messages of that action answer requests. */
export function isAnswer(action: string): boolean {
  return action === 'ERROR' || action === 'PONG' || action.endsWith('_RESPONSE');
}
