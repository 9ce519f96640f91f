/** The calls that run in the user's rooms. No DOM. */

/** A mesh is for so many: each sends to all of the others. */
const MOST = 6;

export class RunningCalls {
  #request;
  #memory;
  #changed;
  /** @type {Map<number, {id: number, name: string}>} By room. */
  #calls;

  /**
   * @param {object} uses
   * @param {(action: string, data: any) => Promise<any>} uses.request
   * @param {import('./memory.js').Memory} uses.memory
   * @param {(roomId: number, what: 'began' | 'ended') => void} uses.changed
   */
  constructor({ request, memory, changed }) {
    this.#request = request;
    this.#memory = memory;
    this.#changed = changed;
    this.#calls = new Map(memory.get('calls', []));
  }

  /** @param {number} roomId */
  of(roomId) {
    return this.#calls.get(roomId) ?? null;
  }

  /** @param {any} data Of VIDEO_ROOM_CREATED. */
  began({ chat_room_id: roomId, video_room_id: id, video_room_name: name }) {
    if (this.of(roomId)?.id === id) return;
    this.#calls.set(roomId, { id, name });
    this.#told(roomId, 'began');
  }

  /** @param {any} data Of VIDEO_ROOM_CLOSED. */
  ended({ chat_room_id: roomId, video_room_id: id }) {
    if (this.of(roomId)?.id !== id) return;
    this.#calls.delete(roomId);
    this.#told(roomId, 'ended');
  }

  /** Forget those that have ended while nobody listened. */
  async check() {
    for (const [roomId, { id }] of [...this.#calls]) {
      await this.#request('GET_VIDEO_ROOM_PARTICIPANT', { video_room_id: id }).catch(({ code }) => {
        const over = code === 'VIDEO_ROOM_NOT_FOUND' || code === 'USER_NOT_IN_ROOM';
        if (over) this.ended({ chat_room_id: roomId, video_room_id: id });
      });
    }
  }

  /**
   * Return the id of a room's call; one is made if there is none.
   *
   * @param {import('./room.js').Room} room
   */
  async enter(room) {
    const asked = { chat_room_id: room.id, video_room_name: room.name.slice(0, 100), max_participants: MOST };
    if (!this.of(room.id)) this.began(await this.#request('CREATE_VIDEO_ROOM', asked));
    return /** @type {any} */ (this.of(room.id)).id;
  }

  /**
   * @param {number} roomId
   * @param {'began' | 'ended'} what
   */
  #told(roomId, what) {
    this.#memory.set('calls', [...this.#calls]);
    this.#changed(roomId, what);
  }
}
