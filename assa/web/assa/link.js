/** The way to a server: found, lost, and found again (§10.3). What is said over it is not its concern. */

import { Backoff } from './backoff.js';
import { AssaError } from './errors.js';
import { Line } from './line.js';

/** A CONNECT that was refused for one of these is refused again. */
const HOPELESS = new Set(['AUTH_FAILED', 'INVALID_TOKEN', 'PERMISSION_DENIED']);

/** Of these, another token may be the way out. */
const TOKEN_REFUSED = new Set(['AUTH_FAILED', 'INVALID_TOKEN']);

const OPEN_MS = 10_000;

/**
 * @typedef {'connecting' | 'connected' | 'reconnecting' | 'failed' | 'closed'} State
 * @typedef {{automatic: boolean, timer: any}} Attempt
 *
 * @typedef {object} Uses
 * @property {string} url
 * @property {any} [WebSocket]
 * @property {import('./clock.js').Clock} clock
 * @property {() => number} [random]
 * @property {() => Promise<string>} token Gets a fresh one, for each greeting.
 * @property {(settle: import('./requests.js').Settle) => void} greet Says CONNECT.
 * @property {(data: any) => void} welcomed Takes the answer, before anything else is heard.
 * @property {(message: any) => void} heard
 * @property {(error: AssaError) => void} cut Told that nothing that was asked will be answered.
 * @property {(state: State, reason: string, next?: {attempt: number, delayMs: number}) => void} changed
 */

export class Link {
  #uses;
  #backoff;
  /** @type {Line | null} */
  #line = null;
  /** @type {Attempt | null} */
  #attempt = null;
  /** @type {{promise: Promise<any>, resolve: (data: any) => void, reject: (error: AssaError) => void} | null} */
  #outcome = null;
  /** @type {AssaError | null} What the server said last without being asked: it closes after that. */
  #parting = null;
  #hopeless = false;
  #retry = /** @type {any} */ (null);
  /** @type {State} */
  state = 'closed';
  /** Why it is in this state: an error code, or words for developers. */
  reason = '';

  /** @param {Uses} uses */
  constructor(uses) {
    this.#uses = uses;
    this.#backoff = new Backoff(uses.random);
  }

  /**
   * Try to connect; a loss after that is mended without further ado.
   *
   * @param {boolean} [lost] Whether there was a connection before: then it is tried as often as after a loss.
   * @returns {Promise<any>} What `greet` was answered.
   */
  connect(lost = false) {
    if (this.#outcome) return this.#outcome.promise;
    const outcome = (this.#outcome = deferred());
    if (this.#attempt) return outcome.promise; // an automatic one is on its way
    this.#uses.clock.clearTimeout(this.#retry);
    this.#backoff.reset();
    this.#become('connecting');
    if (this.#outcome === outcome) this.#begin(lost); // who heard of it may have ended it
    return outcome.promise;
  }

  /**
   * Stop trying.
   *
   * @param {'failed' | 'closed'} state
   * @param {string} reason
   * @param {AssaError} [error] What `connect` fails with.
   */
  end(state, reason, error = new AssaError('DISCONNECTED', reason)) {
    this.#uses.clock.clearTimeout(this.#attempt?.timer);
    this.#uses.clock.clearTimeout(this.#retry);
    this.#attempt = null;
    const outcome = this.#outcome;
    this.#outcome = null;
    this.#become(state, reason);
    outcome?.reject(error);
  }

  /** Close the line without a word. */
  hangUp() {
    const line = this.#line;
    this.#line = null;
    line?.close();
    if (line) this.#uses.cut(new AssaError('DISCONNECTED', 'the connection was closed'));
  }

  /**
   * Give the line up as lost.
   *
   * @param {string} reason
   */
  drop(reason) {
    this.#line?.abort(reason);
  }

  /** @param {string} text */
  send(text) {
    this.#line?.send(text);
  }

  /**
   * Take note of how long the server wants to be left alone.
   *
   * @param {number | null | undefined} ms
   */
  wish(ms) {
    this.#backoff.wish(ms);
  }

  /**
   * Take note of why the server is about to close.
   *
   * @param {AssaError} error
   */
  part(error) {
    this.#parting = error;
    if (error.code !== 'SESSION_REPLACED') return;
    // To come back would replace the one that has replaced this one.
    this.end('closed', error.code);
    this.hangUp();
  }

  /** Try again, as after a loss, where that was given up for want of a network. */
  reachable() {
    if (this.state !== 'failed' || this.#hopeless) return;
    this.#backoff.reset();
    this.#comeBack(new AssaError('DISCONNECTED', 'online'));
  }

  /** @param {boolean} automatic */
  #begin(automatic) {
    /** @type {Attempt} */
    const attempt = { automatic, timer: null };
    this.#attempt = attempt;
    this.#parting = null;
    this.#uses.token().then(
      () => this.#dial(attempt),
      (error) => this.#failed(attempt, error),
    );
  }

  /** @param {Attempt} attempt */
  #dial(attempt) {
    if (this.#attempt !== attempt) return;
    this.hangUp();
    try {
      const line = new Line(this.#uses.url, {
        WebSocket: this.#uses.WebSocket ?? WebSocket,
        clock: this.#uses.clock,
        opened: () => this.#greet(attempt, true),
        heard: this.#uses.heard,
        lost: (error) => this.#lost(error),
      });
      this.#line = line;
      attempt.timer = this.#uses.clock.setTimeout(() => line.abort('the server does not answer'), OPEN_MS);
    } catch (error) {
      this.#failed(attempt, error); // not a URL of a WebSocket
    }
  }

  /**
   * @param {Attempt} attempt
   * @param {boolean} again Whether to ask for another token when this one is refused.
   */
  #greet(attempt, again) {
    if (this.#attempt !== attempt) return;
    this.#uses.clock.clearTimeout(attempt.timer);
    this.#uses.greet((error, data) => {
      if (this.#attempt !== attempt) return;
      if (!error) this.#welcomed(data);
      else if (again && TOKEN_REFUSED.has(error.code)) this.#greetAnew(attempt);
      else this.#failed(attempt, error);
    });
  }

  /** @param {Attempt} attempt */
  #greetAnew(attempt) {
    this.#uses.token().then(
      () => this.#greet(attempt, false),
      (error) => this.#failed(attempt, error),
    );
  }

  /** @param {any} data */
  #welcomed(data) {
    const outcome = this.#outcome;
    this.#attempt = this.#outcome = null;
    this.#backoff.reset();
    this.#uses.welcomed(data);
    outcome?.resolve(data);
  }

  /**
   * @param {Attempt} attempt
   * @param {any} error
   */
  #failed(attempt, error) {
    if (this.#attempt !== attempt) return;
    const given = AssaError.from(error);
    const refusal = given.code === 'DISCONNECTED' ? (this.#parting ?? given) : given;
    this.#attempt = null;
    this.#uses.clock.clearTimeout(attempt.timer);
    this.hangUp();
    this.#hopeless = HOPELESS.has(refusal.code);
    if (attempt.automatic && !this.#hopeless) this.#comeBack(refusal);
    else this.end('failed', reasonOf(refusal), refusal);
  }

  /** @param {AssaError} error */
  #lost(error) {
    this.#line = null;
    const attempt = this.#attempt;
    this.#uses.cut(error); // which fails a CONNECT on its way, and the attempt with it
    if (attempt) this.#failed(attempt, error);
    else if (this.state === 'connected') this.#comeBack(this.#parting ?? error);
  }

  /** @param {AssaError} error Why there is no connection. */
  #comeBack(error) {
    this.#backoff.wish(error.retryAfterMs);
    const next = this.#backoff.next();
    if (!next) return this.end('failed', reasonOf(error), error);
    this.#retry = this.#uses.clock.setTimeout(() => this.#begin(true), next.delayMs);
    this.#become('reconnecting', reasonOf(error), next);
  }

  /**
   * Say that the greeting was answered; whoever hears of it may ask at once.
   */
  connected() {
    this.#become('connected');
  }

  /**
   * @param {State} state
   * @param {string} [reason]
   * @param {{attempt: number, delayMs: number}} [next]
   */
  #become(state, reason = '', next) {
    this.state = state;
    this.reason = reason;
    this.#uses.changed(state, reason, next);
  }
}

/** @param {AssaError} error */
function reasonOf(error) {
  return error.code === 'DISCONNECTED' ? error.message : error.code;
}

function deferred() {
  /** @type {any} */
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  made.promise.catch(() => {}); // whoever waits for it hears of a failure; nobody needs to
  return made;
}
