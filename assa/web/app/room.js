/** One room as its member knows it. No DOM. */

import { Receipts } from './receipts.js';
import { entryOf, merge } from './timeline.js';
import { Unread } from './unread.js';

export class Room {
  /** @type {import('./timeline.js').Entry[]} */
  entries = [];
  unread = new Unread();
  receipts = new Receipts();
  /** @type {any} The newest message, as NEW_MESSAGE shows it. */
  last = null;
  /** Grows with each activity in any room. */
  active = 0;
  /** Whether the newest page is there, and whether there are older ones. */
  loaded = false;
  more = false;
  /** @type {number | null} The first message that was unread when the room was opened. */
  divider = null;
  /** @type {Map<number, string>} Names of those who have been met here, by id. */
  names = new Map();
  #notes = 0;

  /**
   * @param {number} id
   * @param {any} info As LIST_ROOMS, CREATE_ROOM or JOIN_ROOM tell.
   */
  constructor(id, info) {
    this.id = id;
    this.told(info);
  }

  /** @param {any} info */
  told(info) {
    this.name = info.name;
    this.description = info.description ?? '';
    this.hostId = info.host_user_id;
    this.isOpen = info.is_open ?? this.isOpen ?? null;
    this.count = info.participants_count ?? info.participants?.length ?? 1;
    for (const one of info.participants ?? []) this.names.set(one.user_id, one.nickname);
  }

  /** @param {any} last The newest message, or null. */
  newest(last) {
    if (last && (!this.last || last.message_id > this.last.message_id)) this.last = last;
  }

  /** @param {any[]} messages */
  add(messages) {
    for (const { user } of messages) if (user.nickname) this.names.set(user.user_id, user.nickname);
    this.entries = merge(this.entries, messages.map(entryOf));
    this.newest(messages.at(-1));
  }

  /**
   * @param {string} text A key of the words.
   * @param {string} name
   * @param {number} at
   */
  note(text, name, at) {
    this.#notes += 1;
    this.entries = merge(this.entries, [{ kind: 'note', key: `n${this.#notes}`, at, text, name }]);
  }

  /** Forget the messages that are not waiting to be sent: some may be missing between them. */
  forget() {
    this.entries = this.entries.filter((one) => one.kind === 'note' || one.state !== 'sent');
    this.loaded = false;
    this.more = false;
  }

  /** @param {number} messageId */
  find(messageId) {
    return this.entries.find((one) => one.message?.message_id === messageId) ?? null;
  }

  /** The oldest and the newest message of the server that are there, or null. */
  get oldestId() {
    return this.entries.find((one) => one.state === 'sent')?.message.message_id ?? null;
  }

  get newestId() {
    return this.entries.findLast((one) => one.state === 'sent')?.message.message_id ?? null;
  }
}
