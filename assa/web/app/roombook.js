/** The rooms of the user, the newest activity first. No DOM. */

import { Receipts } from './receipts.js';
import { Room } from './room.js';

export class RoomBook {
  #memory;
  /** @type {Map<number, Room>} */
  #rooms = new Map();
  #activity = 0;

  /** @param {import('./memory.js').Memory} memory */
  constructor(memory) {
    this.#memory = memory;
  }

  /** @returns {Room[]} */
  get listed() {
    return [...this.#rooms.values()].sort((one, other) => other.active - one.active);
  }

  get unread() {
    return this.listed.reduce((sum, room) => sum + room.unread.count, 0);
  }

  /** @param {number | null} id */
  get(id) {
    return id === null ? undefined : this.#rooms.get(id);
  }

  /**
   * Take the server's list; what is known of a room besides its messages stays.
   *
   * @param {any[]} listed Of LIST_ROOMS, the newest activity first.
   */
  list(listed) {
    const before = this.#rooms;
    this.#rooms = new Map();
    for (const info of [...listed].reverse()) {
      const room = before.get(info.room_id) ?? this.#make(info.room_id, info);
      room.told(info);
      room.forget();
      room.newest(info.last_message);
      room.unread.counted(info.unread_messages, info.last_message?.message_id ?? 0);
      this.#rooms.set(room.id, room);
      this.touch(room);
    }
  }

  /**
   * Return a room that the user has entered.
   *
   * @param {number} id
   * @param {any} info
   */
  enter(id, info) {
    const known = this.#rooms.get(id);
    const room = known ?? this.#make(id, info);
    room.told(info);
    if (!known) this.touch(room);
    this.#rooms.set(id, room);
    return room;
  }

  /** @param {number} id */
  remove(id) {
    this.#rooms.delete(id);
    this.#memory.set(`receipts-${id}`, undefined);
  }

  /** @param {Room} room Something has happened there. */
  touch(room) {
    this.#activity += 1;
    room.active = this.#activity;
  }

  /**
   * @param {Room} room
   * @param {number} userId
   * @param {number[]} messageIds
   */
  received(room, userId, messageIds) {
    room.receipts.add(userId, messageIds);
    this.#memory.set(`receipts-${room.id}`, room.receipts.toJSON());
  }

  /**
   * @param {number} id
   * @param {any} info
   */
  #make(id, info) {
    const room = new Room(id, info);
    room.receipts = new Receipts(this.#memory.get(`receipts-${id}`, []));
    return room;
  }
}
