/** The way to a server: found, lost, and found again (§10.3). What is said over it is not its concern. */

import { Backoff, type NextAttempt } from './backoff.js';
import type { Clock } from './clock.js';
import { AssaError } from './errors.js';
import { Line } from './line.js';
import type { ConnectAnswer, Message } from './messages.js';
import type { Transport } from './transport.js';

export type State = 'connecting' | 'connected' | 'reconnecting' | 'failed' | 'closed';

export interface StateChange {
  state: State;
  /** Why: an error code, or words for developers. */
  reason: string;
  /** While it is `reconnecting`: which attempt comes next, and when. */
  next: NextAttempt | null;
}

/** A CONNECT that was refused for one of these is refused again. */
const HOPELESS = new Set(['AUTH_FAILED', 'INVALID_TOKEN', 'PERMISSION_DENIED']);

/** Of these, another token may be the way out. */
const TOKEN_REFUSED = new Set(['AUTH_FAILED', 'INVALID_TOKEN']);

export interface LinkUses {
  transport: Transport;
  clock: Clock;
  random: () => number;
  /** Gets a fresh token, for each greeting. */
  token(): Promise<unknown>;
  /** Says CONNECT. */
  greet(settle: (error: AssaError | null, answer: ConnectAnswer) => void): void;
  /** Takes the answer, before anything else is heard. */
  welcomed(answer: ConnectAnswer): void;
  heard(message: Message): void;
  /** Told that nothing that was asked will be answered. */
  cut(error: AssaError): void;
  changed(change: StateChange): void;
}

interface Attempt {
  /** Whether it is one of the three after a loss. */
  automatic: boolean;
}

interface Outcome {
  promise: Promise<ConnectAnswer>;
  resolve: (answer: ConnectAnswer) => void;
  reject: (error: AssaError) => void;
}

export class Link {
  readonly #uses: LinkUses;
  readonly #backoff: Backoff;
  #line: Line | null = null;
  #attempt: Attempt | null = null;
  /** Of `connect`, while somebody waits for it. */
  #outcome: Outcome | null = null;
  /** What the server said last without being asked: it closes after that. */
  #parting: AssaError | null = null;
  #retry: unknown = null;
  state: State = 'closed';
  reason = '';

  constructor(uses: LinkUses) {
    this.#uses = uses;
    this.#backoff = new Backoff(uses.random);
  }

  /** Try to connect; a loss after that is mended without further ado. */
  connect(): Promise<ConnectAnswer> {
    if (this.#outcome) return this.#outcome.promise;
    const outcome = (this.#outcome = deferred());
    if (this.#attempt) return outcome.promise; // an automatic one is on its way
    this.#uses.clock.clearTimeout(this.#retry);
    this.#backoff.reset();
    this.#become('connecting');
    if (this.#outcome === outcome) this.#begin(false); // who heard of it may have ended it
    return outcome.promise;
  }

  /**
   * Stop trying.
   *
   * @param error What `connect` fails with.
   */
  end(state: 'failed' | 'closed', error: AssaError): void {
    this.#uses.clock.clearTimeout(this.#retry);
    this.#attempt = null;
    const outcome = this.#outcome;
    this.#outcome = null;
    this.#become(state, error.reason);
    outcome?.reject(error);
  }

  /** Close the line without a word. */
  hangUp(): void {
    const line = this.#line;
    this.#line = null;
    line?.close();
    if (line) this.#uses.cut(new AssaError('DISCONNECTED', 'the connection was closed'));
  }

  /** Give the line up as lost. */
  drop(reason: string): void {
    this.#line?.abort(reason);
  }

  send(text: string): void {
    this.#line?.send(text);
  }

  /** Take note of when the server wants to be asked again. */
  announced(ms: unknown): void {
    this.#backoff.announce(ms);
  }

  /** Take note of why the server is about to close. */
  part(error: AssaError): void {
    this.#parting = error;
    if (error.code !== 'SESSION_REPLACED') return;
    // To come back would replace the one that has replaced this one.
    this.end('closed', error);
    this.hangUp();
  }

  #begin(automatic: boolean): void {
    const attempt = { automatic };
    this.#attempt = attempt;
    this.#parting = null;
    this.#uses.token().then(
      () => this.#dial(attempt),
      (error: unknown) => this.#failed(attempt, AssaError.from(error)),
    );
  }

  #dial(attempt: Attempt): void {
    if (this.#attempt !== attempt) return;
    this.hangUp();
    try {
      this.#line = new Line(this.#uses.transport, {
        clock: this.#uses.clock,
        opened: () => this.#greet(attempt, true),
        heard: (message) => this.#uses.heard(message),
        lost: (error) => this.#lost(error),
      });
    } catch (error) {
      this.#failed(attempt, AssaError.from(error)); // not a URL of a WebSocket
    }
  }

  /** @param again Whether to ask for another token when this one is refused. */
  #greet(attempt: Attempt, again: boolean): void {
    if (this.#attempt !== attempt) return;
    this.#uses.greet((error, answer) => {
      if (this.#attempt !== attempt) return;
      if (!error) this.#welcomed(answer);
      else if (again && TOKEN_REFUSED.has(error.code)) this.#greetAnew(attempt);
      else this.#failed(attempt, error);
    });
  }

  #greetAnew(attempt: Attempt): void {
    this.#uses.token().then(
      () => this.#greet(attempt, false),
      (error: unknown) => this.#failed(attempt, AssaError.from(error)),
    );
  }

  #welcomed(answer: ConnectAnswer): void {
    const outcome = this.#outcome;
    this.#attempt = this.#outcome = null;
    this.#backoff.reset();
    this.#uses.welcomed(answer);
    outcome?.resolve(answer);
  }

  /** Say that the greeting was answered; whoever hears of it may ask at once. */
  connected(): void {
    this.#become('connected');
  }

  #failed(attempt: Attempt, given: AssaError): void {
    if (this.#attempt !== attempt) return;
    const error = given.code === 'DISCONNECTED' ? (this.#parting ?? given) : given;
    this.#attempt = null;
    this.hangUp();
    if (attempt.automatic && !HOPELESS.has(error.code)) this.#comeBack(error);
    else this.end('failed', error);
  }

  #lost(error: AssaError): void {
    this.#line = null;
    const attempt = this.#attempt;
    this.#uses.cut(error); // which fails a CONNECT on its way, and the attempt with it
    if (attempt) this.#failed(attempt, error);
    else if (this.state === 'connected') this.#comeBack(this.#parting ?? error);
  }

  /** @param error Why there is no connection. */
  #comeBack(error: AssaError): void {
    this.#backoff.wish(error.retryAfterMs);
    const next = this.#backoff.next();
    if (!next) return this.end('failed', error);
    this.#retry = this.#uses.clock.setTimeout(() => this.#begin(true), next.delayMs);
    this.#become('reconnecting', error.reason, next);
  }

  #become(state: State, reason = '', next: NextAttempt | null = null): void {
    this.state = state;
    this.reason = reason;
    this.#uses.changed({ state, reason, next });
  }
}

function deferred(): Outcome {
  const made = {} as Outcome;
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  made.promise.catch(() => {}); // whoever waits for it hears of a failure; nobody needs to
  return made;
}
