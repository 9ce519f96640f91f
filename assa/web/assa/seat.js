/** A session's seat in a video room (§7.2, §7.6). */

export class Seat {
  #connection;
  #room;
  /** Whether JOIN_VIDEO_ROOM was sent since the connection was opened: its answer may have been lost. */
  #tried = false;

  /**
   * @param {import('./connection.js').Connection} connection
   * @param {number} videoRoomId
   */
  constructor(connection, videoRoomId) {
    this.#connection = connection;
    this.#room = { video_room_id: videoRoomId };
  }

  /** Whether this session had a seat when it was connected. */
  get kept() {
    const rooms = this.#connection.welcome?.reconnection_info?.video_rooms;
    return Boolean(rooms?.includes(this.#room.video_room_id));
  }

  /** Take note of a new connection. */
  connected() {
    this.#tried = false;
  }

  /**
   * @param {{audio_enabled: boolean, video_enabled: boolean}} status
   * @returns {Promise<any>}
   */
  take(status) {
    this.#tried = true;
    return this.#connection.request('JOIN_VIDEO_ROOM', { ...this.#room, media_status: status });
  }

  /** @returns {Promise<any>} */
  exit() {
    return this.#connection.request('EXIT_VIDEO_ROOM', this.#room);
  }

  /** Give it up as soon as the server can be reached. */
  exitLater() {
    const exit = (/** @type {any} */ event) => {
      if (event.detail.state === 'reconnecting' || event.detail.state === 'connecting') return;
      this.#connection.removeEventListener('state', exit);
      if (event.detail.state === 'connected' && this.kept) this.exit().catch(() => {});
    };
    this.#connection.addEventListener('state', exit);
  }

  /** @returns {Promise<any[]>} */
  async occupants() {
    return (await this.#connection.request('GET_VIDEO_ROOM_PARTICIPANT', this.#room)).participants;
  }

  /** Return whether the user takes part, from this session or another. */
  async isTaken() {
    return this.#has(await this.occupants());
  }

  /**
   * Give it up if others are there who would go on talking to what is gone; they will see a newcomer. (With its last
   * participant the room would be over.)
   *
   * @returns {Promise<boolean>} Whether it belongs to another session of the user.
   */
  async vacate() {
    const people = await this.occupants();
    if (!this.#has(people)) return false;
    if (!this.kept && !this.#tried) return true;
    if (people.length > 1) {
      await this.exit().catch((error) => {
        if (error.code !== 'USER_NOT_IN_ROOM') throw error;
      });
    }
    return false;
  }

  /** @param {any[]} people */
  #has(people) {
    return people.some((one) => one.user_id === this.#connection.userId);
  }
}
