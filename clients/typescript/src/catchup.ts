/** Getting what was missed and cannot be replayed: with GET_MESSAGES (v1.1), else with CHECK_RECEIVE (§5.3). */

import type { Clock } from './clock.js';
import { AssaError } from './errors.js';
import type { Ask, ChatMessage, ConnectAnswer, MessagesGot, PendingMessage } from './messages.js';
import { retryAfterMs } from './outbox.js';
import type { Rooms } from './rooms.js';
import { isCurrent } from './session.js';

/** Messages of a page: few, so that bad networks let some through too. */
const PAGE = 50;

/** A message is stored so long, at most, after the time that it says; a request is given up after that (§10.2). */
const STORED_MS = 10_000;

export class CatchUp {
  readonly #rooms: Rooms;
  readonly #clock: Clock;
  readonly #ask: Ask;
  /** Rooms of which messages are missing. */
  readonly #owed = new Set<number>();
  /** Of rooms in which nothing has been told: all messages from this one on are missing. */
  readonly #missingFrom = new Map<number, number>();
  /** When the client began to hear, by the server's clock, milliseconds since the epoch. */
  #since = 0;
  /** Whether the server can tell of all messages. */
  #isCurrent = true;
  /** Counts the runs: of two, the older one is over. */
  #runs = 0;

  constructor(rooms: Rooms, clock: Clock, ask: Ask) {
    this.#rooms = rooms;
    this.#clock = clock;
    this.#ask = ask;
  }

  /** Take note of a connection that goes on with none before. */
  begin({ server_time }: ConnectAnswer): void {
    this.#since = Date.parse(server_time);
    for (const one of [this.#owed, this.#missingFrom, this.#rooms]) one.clear();
  }

  /** Take note of a connection before which something was missed. */
  missed(answer: ConnectAnswer): void {
    this.#isCurrent = isCurrent(answer);
    for (const roomId of answer.reconnection_info.existing_rooms) {
      this.#owed.add(roomId);
      this.#rooms.hold(roomId);
    }
  }

  /** Get what is missing, and go on with all rooms; when the connection is lost over it, the next one goes on. */
  async run(): Promise<void> {
    this.#runs += 1;
    try {
      if (this.#owed.size > 0 && this.#isCurrent) await this.#settleQuiet();
      for (const roomId of this.#rooms.held) {
        if (this.#owed.has(roomId)) await (this.#isCurrent ? this.#settle(roomId) : this.#settleUnread(roomId));
        this.#rooms.release(roomId);
      }
    } catch (error) {
      if (!(error instanceof AssaError) || error.code !== 'DISCONNECTED') throw error;
    }
  }

  /** Go on with the rooms in which nothing was said: one request finds most of them. */
  async #settleQuiet(): Promise<void> {
    const listed = await this.#patiently(() => this.#ask('LIST_ROOMS', {}));
    for (const { room_id: roomId, last_message: last } of listed?.rooms ?? []) {
      if (!this.#owed.has(roomId) || (last && !this.#isTold(roomId, last))) continue;
      this.#owed.delete(roomId);
      this.#rooms.release(roomId);
    }
  }

  /** Tell of the missing messages of a room, page by page, so that a loss in between costs one page. */
  async #settle(roomId: number): Promise<void> {
    let more = this.#rooms.told(roomId) ? true : await this.#begin(roomId);
    while (more) {
      const told = this.#rooms.told(roomId);
      const page = await this.#page(roomId, told ? { after_message_id: told } : {});
      for (const message of page?.messages ?? []) this.#rooms.pass(message);
      more = page?.has_more ?? false; // without a page the room is not the user's any more
    }
    this.#owed.delete(roomId);
  }

  /** Tell of what the user has not confirmed: all that a server of v1.0 can say. */
  async #settleUnread(roomId: number): Promise<void> {
    const checked = await this.#patiently(() => this.#ask('CHECK_RECEIVE', { room_id: roomId, message_ids: [] }));
    for (const one of checked?.pending_messages ?? []) this.#rooms.pass(messageOf(roomId, one));
    this.#owed.delete(roomId);
  }

  /**
   * Find where the missing messages of a room begin, backwards, and tell of the page that has the first one.
   *
   * @returns Whether there may be more after that.
   */
  async #begin(roomId: number): Promise<boolean> {
    for (;;) {
      const from = this.#missingFrom.get(roomId);
      const page = await this.#page(roomId, from ? { before_message_id: from } : {});
      const messages = page?.messages ?? [];
      const known = messages.filter((one) => this.#isTold(roomId, one)).at(-1);
      const [oldest] = messages;
      if (!known && oldest && page?.has_more) {
        this.#missingFrom.set(roomId, oldest.message_id);
        continue;
      }
      this.#missingFrom.delete(roomId);
      if (known) this.#rooms.skip(roomId, known.message_id);
      for (const message of messages) this.#rooms.pass(message);
      return from !== undefined;
    }
  }

  #page(roomId: number, where: { after_message_id?: number; before_message_id?: number }): Promise<MessagesGot | null> {
    return this.#patiently(() => this.#ask('GET_MESSAGES', { room_id: roomId, limit: PAGE, ...where }));
  }

  #isTold(roomId: number, { message_id, created_at }: ChatMessage): boolean {
    const told = this.#rooms.told(roomId);
    return told === undefined ? Date.parse(created_at) < this.#since - STORED_MS : message_id <= told;
  }

  /** Return an answer, also when it takes several attempts; null when it is refused for good. */
  async #patiently<T>(ask: () => Promise<T>): Promise<T | null> {
    for (const run = this.#runs; run === this.#runs; ) {
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof AssaError) || error.code === 'DISCONNECTED') throw error;
        const ms = retryAfterMs(error);
        if (ms === null) return null;
        await new Promise<void>((resolve) => this.#clock.setTimeout(resolve, ms));
      }
    }
    throw new AssaError('DISCONNECTED', 'another connection goes on with it');
  }
}

/** Return a message of CHECK_RECEIVE as NEW_MESSAGE has it. */
function messageOf(roomId: number, { user, ...pending }: PendingMessage): ChatMessage {
  const missing = { message_type: 'text', reply_to_message_id: null };
  return { ...missing, ...pending, room_id: roomId, user: { profile_image: null, ...user } };
}
