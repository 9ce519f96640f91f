/** Each room's messages: once, in the order of their ids, and without those that this client sent itself. */

import type { ChatMessage } from './messages.js';
import { isId, isObject } from './shapes.js';

/** Known messages of a room that are remembered; everything before that many has certainly been heard. */
const KNOWN = 10_000;

export class Rooms {
  readonly #tell: (message: ChatMessage) => void;
  /** The id up to which all of a room's messages have been told. */
  readonly #told = new Map<number, number>();
  /** Later ones that the application has otherwise: as answers to what it sent, or to JOIN_ROOM. */
  readonly #known = new Map<number, Set<number>>();
  /** What came of rooms in which something that comes before it is still awaited. */
  readonly #held = new Map<number, ChatMessage[]>();

  /** @param tell Tells the application. */
  constructor(tell: (message: ChatMessage) => void) {
    this.#tell = tell;
  }

  /** Begin anew: what was before is of no interest any more. */
  clear(): void {
    for (const map of [this.#told, this.#known, this.#held]) map.clear();
  }

  /** Return the id up to which all messages have been told; undefined when none has been. */
  told(roomId: number): number | undefined {
    return this.#told.get(roomId);
  }

  /** Take a message; those of a room come in the order of their ids, but may come again. */
  hear(message: ChatMessage): void {
    const held = this.#held.get(message.room_id);
    if (held) held.push(message);
    else this.pass(message);
  }

  /** Wait with what comes of a room. */
  hold(roomId: number): void {
    if (!this.#held.has(roomId)) this.#held.set(roomId, []);
  }

  /** Go on with a room; what was held may have been passed already. */
  release(roomId: number): void {
    const held = this.#held.get(roomId) ?? [];
    this.#held.delete(roomId);
    for (const message of held) this.pass(message);
  }

  /** The rooms that are held. */
  get held(): number[] {
    return [...this.#held.keys()];
  }

  /** Take note of what an answer tells of messages, before anything that comes after it. */
  learn(action: string, data: Record<string, unknown>): void {
    const roomId = data['room_id'] as number;
    if (action === 'SEND_MESSAGE') this.#know(roomId, data['message_id'] as number);
    else if (action === 'JOIN_ROOM' || action === 'CREATE_ROOM') this.#joined(roomId, data['recent_messages'] ?? []);
    else if (action === 'EXIT_ROOM') this.#left(roomId);
  }

  #joined(roomId: number, recent: unknown): void {
    const ids = (recent as unknown[]).map((one) => isObject(one) && one['message_id']).filter(isId);
    if (this.#held.has(roomId)) for (const id of ids) this.#know(roomId, id); // others come before
    else this.skip(roomId, Math.max(this.#told.get(roomId) ?? 0, ...ids));
  }

  /** What has been told stays so: the room may be joined again, from another device too. */
  #left(roomId: number): void {
    for (const map of [this.#known, this.#held]) map.delete(roomId);
  }

  /** Take note of a message that the application has: one that it sent. */
  #know(roomId: number, messageId: number): void {
    if (messageId <= (this.#told.get(roomId) ?? 0)) return;
    const known = this.#known.get(roomId) ?? new Set();
    this.#known.set(roomId, known.add(messageId));
    const [oldest] = known;
    if (known.size > KNOWN && oldest !== undefined && !this.#held.has(roomId)) this.skip(roomId, oldest);
  }

  /** Tell of a message, if it is news, also while the room is held: it comes before what is held. */
  pass(message: ChatMessage): void {
    const { room_id: roomId, message_id: id } = message;
    if (id <= (this.#told.get(roomId) ?? 0)) return;
    const known = this.#known.get(roomId)?.has(id);
    this.skip(roomId, id);
    if (!known) this.#tell(message);
  }

  /** Take a message of a room, and all before it, for told. */
  skip(roomId: number, id: number): void {
    this.#told.set(roomId, id);
    const known = this.#known.get(roomId);
    for (const one of known ?? []) if (one <= id) known?.delete(one);
  }
}
