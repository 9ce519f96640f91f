/** Messages on their way: in order, each until it is answered, across reconnects. */

import { bounded } from './backoff.js';
import type { Clock } from './clock.js';
import { AssaError } from './errors.js';
import type { MessageSent, SendMessage } from './messages.js';

/** Answers after which the same message is sent again. */
const PASSING = new Set(['RATE_LIMITED', 'SERVICE_UNAVAILABLE', 'REQUEST_TIMEOUT']);

export const RETRY_MS = 1_000;

/** Return how long to wait until the same thing is asked again; null when that would not help. */
export function retryAfterMs(error: AssaError): number | null {
  return PASSING.has(error.code) ? bounded(error.retryAfterMs ?? RETRY_MS) : null;
}

export type Outgoing = SendMessage & { client_message_id: string };

interface Entry {
  data: Outgoing;
  /** Whether the server may have it. */
  tried: boolean;
  promise: Promise<MessageSent>;
  resolve: (data: MessageSent) => void;
  reject: (error: AssaError) => void;
}

export class Outbox {
  readonly #clock: Clock;
  readonly #ask: (data: Outgoing) => Promise<MessageSent>;
  /** Oldest first; the first may be in flight. */
  #entries: Entry[] = [];
  #open = false;
  /** Counts the connections, as the end of what was sent over an earlier one is not of interest. */
  #era = 0;
  #timer: unknown = null;

  /** @param ask Sends SEND_MESSAGE. */
  constructor(clock: Clock, ask: (data: Outgoing) => Promise<MessageSent>) {
    this.#clock = clock;
    this.#ask = ask;
  }

  /** The messages that have no answer yet, oldest first. */
  get messages(): Outgoing[] {
    return this.#entries.map(({ data }) => ({ ...data }));
  }

  /** The message of which it is not known whether the server has it. */
  get uncertain(): Outgoing | null {
    const [entry] = this.#entries;
    return entry?.tried ? entry.data : null;
  }

  /** Wait until it is known of that message; fails never. */
  async certain(): Promise<void> {
    const [entry] = this.#entries;
    if (entry?.tried) await entry.promise.catch(() => {});
  }

  /** Send a message as soon as can be. */
  add(data: Outgoing): Promise<MessageSent> {
    const { room_id, client_message_id } = data;
    const known = this.#entries.find(
      ({ data: one }) => one.client_message_id === client_message_id && one.room_id === room_id,
    );
    if (known) return known.promise;
    const entry = entryOf(data);
    this.#entries.push(entry);
    if (this.#entries.length === 1) this.#send();
    return entry.promise;
  }

  /** Begin to send: there is a connection. */
  open(): void {
    this.#open = true;
    this.#era += 1;
    this.#send();
  }

  /** Wait: there is no connection. */
  shut(): void {
    this.#open = false;
    this.#era += 1;
    this.#clock.clearTimeout(this.#timer);
  }

  /** Give up all messages. */
  clear(error: AssaError): void {
    this.shut();
    for (const entry of this.#entries.splice(0)) entry.reject(error);
  }

  /** Send the first; the next follows its answer, or a message that is refused for a while would be overtaken. */
  #send(): void {
    const [entry] = this.#entries;
    if (!entry || !this.#open) return;
    const era = this.#era;
    entry.tried = true;
    this.#ask(entry.data).then(
      (answer) => {
        if (this.#take(entry)) entry.resolve(answer);
        if (era === this.#era) this.#send();
      },
      (error: AssaError) => {
        if (era === this.#era) this.#failed(entry, error);
      },
    );
  }

  #failed(entry: Entry, error: AssaError): void {
    if (error.code === 'DISCONNECTED') return; // open() sends it again
    const ms = retryAfterMs(error);
    if (ms !== null) {
      this.#timer = this.#clock.setTimeout(() => this.#send(), ms);
      return;
    }
    if (this.#take(entry)) entry.reject(error);
    this.#send();
  }

  /** Take a message out; return whether it was there. */
  #take(entry: Entry): boolean {
    const index = this.#entries.indexOf(entry);
    if (index !== -1) this.#entries.splice(index, 1);
    return index !== -1;
  }
}

function entryOf(data: Outgoing): Entry {
  const entry = { data, tried: false } as Entry;
  entry.promise = new Promise((resolve, reject) => Object.assign(entry, { resolve, reject }));
  entry.promise.catch(() => {}); // who does not wait for it does not want to hear of it
  return entry;
}
