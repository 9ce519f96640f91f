/** Getting what was missed and cannot be replayed: with GET_MESSAGES (v1.1), else with CHECK_RECEIVE (§5.3). */

import { bounded } from './backoff.js';
import type { Clock } from './clock.js';
import { AssaError } from './errors.js';
import type { Ask, ChatMessage, ConnectAnswer, MessagesGot, PendingMessage } from './messages.js';
import type { Rooms } from './rooms.js';
import { isCurrent } from './session.js';
import { isChatMessage, isId, isPending } from './shapes.js';

/** Messages of a page: few, so that bad networks let some through too. */
const PAGE = 50;

/** CHECK_RECEIVE tells of so many at most. */
const PENDING = 100;

/** A message is stored so long, at most, after the time that it says; a request is given up after that (§10.2). */
const STORED_MS = 10_000;

/** Refusals in a row after which messages are given up: of those that say when to try again, and of others. */
const TRIES = { passing: 20, other: 5 };

const LONGEST_MS = 8_000;

/** With these there is nothing to get: the room is not the user's any more. */
const NOT_MINE = new Set(['ROOM_NOT_FOUND', 'USER_NOT_IN_ROOM', 'PERMISSION_DENIED']);

/** Messages that were missed and will not come. */
export interface Gap {
  room_id: number;
  /** The last one that was told; null when none was. */
  after_message_id: number | null;
  /** Why: an error code, or words for developers. */
  reason: string;
}

export interface CatchUpUses {
  ask: Ask;
  gap(gap: Gap): void;
}

export class CatchUp {
  readonly #rooms: Rooms;
  readonly #clock: Clock;
  readonly #uses: CatchUpUses;
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
  /** Refusals in a row, whatever the room and the connection. */
  #refusals = 0;

  constructor(rooms: Rooms, clock: Clock, uses: CatchUpUses) {
    this.#rooms = rooms;
    this.#clock = clock;
    this.#uses = uses;
  }

  /** Take note of a connection that goes on with none before. */
  begin({ server_time }: ConnectAnswer): void {
    this.#since = Date.parse(server_time) || this.#clock.now();
    for (const one of [this.#owed, this.#missingFrom, this.#rooms]) one.clear();
  }

  /** Take note of a connection before which something was missed. */
  missed(answer: ConnectAnswer): void {
    this.#isCurrent = isCurrent(answer);
    for (const roomId of answer.reconnection_info.existing_rooms.filter(isId)) {
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
        if (this.#owed.has(roomId)) await this.#settle(roomId);
        this.#rooms.release(roomId);
      }
      this.#refusals = 0;
    } catch (error) {
      if (!isLoss(error)) throw error;
    }
  }

  /** Go on with the rooms in which nothing was said: one request finds most of them, and without it each is asked. */
  async #settleQuiet(): Promise<void> {
    const listed = await this.#uses.ask('LIST_ROOMS', {}).catch((error: unknown) => {
      if (isLoss(error)) throw error;
    });
    for (const { room_id: roomId, last_message: last } of listed?.rooms.filter(Boolean) ?? []) {
      const isQuiet = last === null || (isChatMessage(last) && this.#isTold(roomId, last));
      if (!isQuiet || !this.#owed.delete(roomId)) continue;
      this.#rooms.release(roomId);
    }
  }

  /** Tell of the missing messages of a room, or that they are missing. */
  async #settle(roomId: number): Promise<void> {
    try {
      await (this.#isCurrent ? this.#settleAll(roomId) : this.#settleUnread(roomId));
    } catch (error) {
      if (!(error instanceof AssaError) || isLoss(error)) throw error;
      if (!NOT_MINE.has(error.code)) this.#tellGap(roomId, error.reason);
    }
    this.#missingFrom.delete(roomId);
    this.#owed.delete(roomId);
  }

  #tellGap(roomId: number, reason: string): void {
    this.#uses.gap({ room_id: roomId, after_message_id: this.#rooms.told(roomId) || null, reason });
  }

  /** Tell of them page by page, so that a loss in between costs one page. */
  async #settleAll(roomId: number): Promise<void> {
    let more = this.#rooms.told(roomId) ? true : await this.#begin(roomId);
    while (more) {
      const told = this.#rooms.told(roomId);
      const page = await this.#page(roomId, told ? { after_message_id: told } : {});
      for (const message of page.messages) this.#rooms.pass(message);
      more = page.has_more;
      if (more && this.#rooms.told(roomId) === told) throw noProgress();
    }
  }

  /** Tell of what the user has not confirmed: all that a server of v1.0 can say. */
  async #settleUnread(roomId: number): Promise<void> {
    const checked = await this.#patiently(() => this.#uses.ask('CHECK_RECEIVE', { room_id: roomId, message_ids: [] }));
    for (const one of checked.pending_messages.filter(isPending)) this.#rooms.pass(messageOf(roomId, one));
    if (checked.pending_messages.length >= PENDING) this.#tellGap(roomId, `${PENDING} messages and perhaps more`);
  }

  /**
   * Find where the missing messages of a room begin, backwards, and tell of the page that has the first one.
   *
   * @returns Whether there may be more after that.
   */
  async #begin(roomId: number): Promise<boolean> {
    for (;;) {
      const from = this.#missingFrom.get(roomId);
      const { messages, has_more } = await this.#page(roomId, from ? { before_message_id: from } : {});
      const known = messages.filter((one) => this.#isTold(roomId, one)).at(-1);
      const [oldest] = messages;
      if (!known && oldest && has_more) {
        if (from && oldest.message_id >= from) throw noProgress();
        this.#missingFrom.set(roomId, oldest.message_id);
        continue;
      }
      this.#missingFrom.delete(roomId);
      if (known) this.#rooms.skip(roomId, known.message_id);
      for (const message of messages) this.#rooms.pass(message);
      return from !== undefined;
    }
  }

  async #page(roomId: number, where: { after_message_id?: number; before_message_id?: number }): Promise<MessagesGot> {
    const asked = { room_id: roomId, limit: PAGE, ...where };
    const page = await this.#patiently(() => this.#uses.ask('GET_MESSAGES', asked));
    return { ...page, messages: page.messages.filter((one) => isChatMessage(one) && one.room_id === roomId) };
  }

  #isTold(roomId: number, { message_id, created_at }: ChatMessage): boolean {
    const told = this.#rooms.told(roomId);
    return told === undefined ? Date.parse(created_at) < this.#since - STORED_MS : message_id <= told;
  }

  /** Return an answer, also when it takes several attempts. */
  async #patiently<T>(ask: () => Promise<T>): Promise<T> {
    for (const run = this.#runs; run === this.#runs; ) {
      try {
        const answer = await ask();
        this.#refusals = 0;
        return answer;
      } catch (error) {
        if (!(error instanceof AssaError) || isLoss(error) || NOT_MINE.has(error.code)) throw error;
        this.#refusals += 1;
        const { passing, other } = TRIES;
        if (this.#refusals >= (error.retryAfterMs === null ? other : passing)) throw error;
        await this.#sleep(bounded(error.retryAfterMs ?? Math.min(LONGEST_MS, 1_000 * 2 ** (this.#refusals - 1))));
      }
    }
    throw new AssaError('DISCONNECTED', 'another connection goes on with it');
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.#clock.setTimeout(resolve, ms));
  }
}

function isLoss(error: unknown): boolean {
  return error instanceof AssaError && error.code === 'DISCONNECTED';
}

function noProgress(): AssaError {
  return new AssaError('BAD_ANSWER', 'the server repeats what it has said');
}

/** Return a message of CHECK_RECEIVE as NEW_MESSAGE has it. */
function messageOf(roomId: number, { user, ...pending }: PendingMessage): ChatMessage {
  const missing = { message_type: 'text', reply_to_message_id: null };
  return { ...missing, ...pending, room_id: roomId, user: { profile_image: null, ...user } };
}
