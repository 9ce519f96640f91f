/** One connection: JSON messages both ways, and a watch over its silence. */

import type { Clock } from './clock.js';
import { AssaError } from './errors.js';
import { type Message, messageOf } from './messages.js';
import type { Transport, Wire } from './transport.js';

/** The server sends PING every 30 s (§10.2); when nothing at all came for so long, nothing will. */
export const SILENCE_MS = 70_000;

/** How long the network may take to open it. */
const OPEN_MS = 10_000;

export interface LineUses {
  clock: Clock;
  opened(): void;
  heard(message: Message): void;
  /** Called once, when the other side or the network ends it. */
  lost(error: AssaError): void;
}

export class Line {
  readonly #uses: LineUses;
  readonly #wire: Wire;
  #watch: unknown;
  #last: number;
  #over = false;

  constructor(transport: Transport, uses: LineUses) {
    this.#uses = uses;
    this.#last = uses.clock.now();
    this.#wire = transport({
      opened: () => this.#opened(),
      heard: (text) => this.#heard(text),
      lost: (reason) => this.abort(reason),
    });
    this.#watch = uses.clock.setTimeout(() => this.abort('the server does not answer'), OPEN_MS);
  }

  send(text: string): void {
    if (!this.#over) this.#wire.send(text);
  }

  /** Give it up as lost. */
  abort(reason: string): void {
    if (this.#over) return;
    this.close();
    this.#uses.lost(new AssaError('DISCONNECTED', reason));
  }

  /** Close it; nothing is heard of it any more. */
  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#uses.clock.clearTimeout(this.#watch);
    this.#wire.close();
  }

  #opened(): void {
    if (this.#over) return;
    this.#uses.clock.clearTimeout(this.#watch);
    this.#last = this.#uses.clock.now();
    this.#guard();
    this.#uses.opened();
  }

  #heard(text: string): void {
    if (this.#over) return;
    this.#last = this.#uses.clock.now();
    const message = messageOf(parsed(text));
    if (message) this.#uses.heard(message);
  }

  #guard(): void {
    const quietMs = this.#uses.clock.now() - this.#last;
    if (quietMs >= SILENCE_MS) this.abort('nothing was heard from the server');
    else this.#watch = this.#uses.clock.setTimeout(() => this.#guard(), SILENCE_MS - quietMs);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // not of this protocol
  }
}
