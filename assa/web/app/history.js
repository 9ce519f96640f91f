/** Gets a room's messages, a page at a time (GET_MESSAGES). No DOM. */

const PAGE = 50;

/** How far back a message is looked for that another one answers. */
const PAGES = 20;

/** How far back the first unread message is looked for. */
const UNREAD_PAGES = 4;

export class History {
  #request;
  #changed;
  /** @type {Map<any, Promise<void>>} The page that is being got, by room. */
  #getting = new Map();
  /** @type {Map<number, Promise<any>>} */
  #quoted = new Map();

  /**
   * @param {object} uses
   * @param {(action: string, data: any) => Promise<any>} uses.request
   * @param {(room: any, reason: 'opened' | 'older' | 'quoted') => void} uses.changed
   */
  constructor({ request, changed }) {
    this.#request = request;
    this.#changed = changed;
  }

  /** @param {import('./room.js').Room} room */
  isGetting(room) {
    return this.#getting.has(room);
  }

  /**
   * Get the newest page, and those before it up to the first unread message, if that is not too far away.
   *
   * @param {import('./room.js').Room} room
   */
  newest(room) {
    return this.#once(room, async () => {
      const first = room.divider ?? Infinity;
      for (
        let page = 0;
        page < UNREAD_PAGES && (page === 0 || (room.more && first < (room.oldestId ?? 0)));
        page += 1
      ) {
        await this.#before(room, page === 0 ? null : room.oldestId);
      }
      room.loaded = true;
      this.#changed(room, 'opened');
    });
  }

  /**
   * Get the page before what is there.
   *
   * @param {import('./room.js').Room} room
   */
  older(room) {
    if (!room.more || room.oldestId === null) return Promise.resolve();
    return this.#once(room, async () => {
      await this.#before(room, room.oldestId);
      this.#changed(room, 'older');
    });
  }

  /**
   * @param {import('./room.js').Room} room
   * @param {number | null} messageId Null: the newest page.
   */
  async #before(room, messageId) {
    const asked = messageId === null ? {} : { before_message_id: messageId };
    const { messages, has_more: more } = await this.#page(room, asked);
    room.more = more;
    room.add(messages);
  }

  /**
   * Have a message there, and all that came after it; return whether it can be found.
   *
   * @param {import('./room.js').Room} room
   * @param {number} messageId
   */
  async reach(room, messageId) {
    for (let page = 0; page < PAGES && room.more && !room.find(messageId); page += 1) await this.older(room);
    return room.find(messageId) !== null;
  }

  /**
   * Return a message that another one answers, or null where the user may not see it.
   *
   * @param {import('./room.js').Room} room
   * @param {number} messageId
   */
  quoted(room, messageId) {
    const there = room.find(messageId);
    if (there) return Promise.resolve(there.message);
    const known = this.#quoted.get(messageId) ?? this.#one(room, messageId);
    this.#quoted.set(messageId, known);
    known.catch(() => this.#quoted.delete(messageId));
    return known;
  }

  /**
   * @param {import('./room.js').Room} room
   * @param {number} messageId
   */
  async #one(room, messageId) {
    const { messages } = await this.#page(room, { before_message_id: messageId + 1, limit: 1 });
    return messages[0]?.message_id === messageId ? messages[0] : null;
  }

  /**
   * @param {import('./room.js').Room} room
   * @param {any} asked
   */
  #page(room, asked) {
    return this.#request('GET_MESSAGES', { room_id: room.id, limit: PAGE, ...asked });
  }

  /**
   * @param {import('./room.js').Room} room
   * @param {() => Promise<void>} get
   */
  #once(room, get) {
    const getting = this.#getting.get(room) ?? get().finally(() => this.#getting.delete(room));
    this.#getting.set(room, getting);
    return getting;
  }
}
