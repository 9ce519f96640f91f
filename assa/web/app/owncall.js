/** The call that this page takes part in. No DOM: callview.js shows it. */

import { Call } from '../assa/assa.js';
import { kindsOf, openMedia, openScreen } from './media.js';

/** Where it is kept, so that a page that is loaded anew goes back into it. */
const KEPT = 'call';

/**
 * Its events: `changed`; `closed` ({reason, code}).
 *
 * @typedef {(error: Error) => Promise<import('./media.js').Wanted | null>} AskMedia Asks which devices to do without
 *   when some cannot be had; null: no call then.
 */
export class OwnCall extends EventTarget {
  #model;
  #askMedia;
  /** @type {Call | null} */
  call = null;
  /** @type {import('./room.js').Room | null} */
  room = null;
  /** When it was joined, milliseconds since the epoch. */
  since = 0;
  #stream = /** @type {MediaStream | null} */ (null);
  #entering = false;

  /**
   * @param {import('./model.js').Model} model
   * @param {AskMedia} askMedia
   */
  constructor(model, askMedia) {
    super();
    this.#model = model;
    this.#askMedia = askMedia;
    model.addEventListener('rooms', () => this.#roomMayBeLeft());
    addEventListener('pagehide', () => this.#keep());
  }

  /** @returns {'none' | 'joining' | 'joined'} */
  get state() {
    if (this.call?.state === 'joined' || this.since > 0) return 'joined';
    return this.#entering ? 'joining' : 'none';
  }

  /** What one sends: the switches as they are, a camera also while the screen takes its place. */
  get sends() {
    const { audio = false, video = false } = this.call?.self ?? {};
    const camera = this.#stream?.getVideoTracks()[0];
    const sharing = this.call?.sharing ?? false;
    return { audio, video: sharing ? Boolean(camera?.enabled) : video, sharing };
  }

  /**
   * Start the call of a room, or take part in the one that runs.
   *
   * @param {import('./room.js').Room} room
   * @param {{wanted?: import('./media.js').Wanted, on?: import('./media.js').Wanted}} [options] Which devices to
   *   open, and which of them are on at first.
   */
  async enter(room, { wanted = { audio: true, video: true }, on = wanted } = {}) {
    if (this.#entering || this.call) return;
    this.#entering = true;
    this.room = room;
    this.#tell('changed');
    try {
      const stream = await this.#open(wanted);
      if (stream) await this.#join(room, stream, on);
      else this.#forget();
    } catch (error) {
      if (/** @type {any} */ (error).code === 'VIDEO_ROOM_NOT_FOUND') await this.#model.calls.check().catch(() => {});
      this.#forget();
      throw error;
    } finally {
      this.#entering = false;
      this.#tell('changed');
    }
  }

  /** Go back into the call that the page was in before it was loaded anew. */
  async goBack() {
    const kept = this.#model.memory.get(KEPT, /** @type {any} */ (null));
    const room = kept && this.#model.rooms.get(kept.roomId);
    if (!room || this.#model.calls.of(room.id)?.id !== kept.id) return;
    await this.enter(room, { wanted: kept.devices, on: kept.on });
  }

  /** @param {import('./media.js').Wanted} wanted */
  async #open(wanted) {
    for (let asked = /** @type {import('./media.js').Wanted | null} */ (wanted); asked;) {
      try {
        return await openMedia(asked);
      } catch (error) {
        asked = await this.#askMedia(/** @type {Error} */ (error));
      }
    }
    return null;
  }

  /**
   * @param {import('./room.js').Room} room
   * @param {MediaStream} stream
   * @param {import('./media.js').Wanted} on
   */
  async #join(room, stream, on) {
    this.#stream = stream;
    const has = kindsOf(stream);
    const media = { audio: has.audio && on.audio, video: has.video && on.video };
    const call = new Call(this.#model.connection, await this.#model.calls.enter(room), { media });
    this.call = call;
    for (const type of ['participants', 'stream', 'peerstate', 'sharing'])
      call.addEventListener(type, () => this.#tell('changed'));
    call.addEventListener('closed', (event) => this.#closed(call, /** @type {CustomEvent} */ (event).detail));
    await call.setStream(stream);
    await call.join();
    if (this.call !== call) return; // left meanwhile
    this.since = Date.now();
    this.#keep();
  }

  async leave() {
    await this.call?.leave();
  }

  /** @param {'audio' | 'video'} kind Switch it; a device that is not open yet is opened. */
  async toggle(kind) {
    const { call } = this;
    if (!call || !this.#stream) return;
    const on = !this.sends[kind];
    const missing = !this.#stream.getTracks().some((track) => track.kind === kind && track.readyState === 'live');
    if (on && missing) await this.#add(call, kind);
    if (kind === 'audio') call.setAudio(on);
    else call.setVideo(on);
    this.#keep();
    this.#tell('changed');
  }

  /**
   * @param {Call} call
   * @param {'audio' | 'video'} kind
   */
  async #add(call, kind) {
    const opened = await openMedia({ audio: kind === 'audio', video: kind === 'video' });
    if (this.call !== call || !this.#stream) return stop(opened); // left meanwhile
    const others = this.#stream.getTracks().filter((track) => track.kind !== kind);
    this.#stream = new MediaStream([...others, ...opened.getTracks()]);
    await call.setStream(this.#stream);
  }

  async toggleShare() {
    const { call } = this;
    if (call?.sharing) await call.stopSharing();
    else if (call) {
      const screen = await openScreen();
      if (this.call === call) await call.shareScreen(screen);
      else stop(screen);
    }
  }

  #roomMayBeLeft() {
    if (this.call && this.room && this.#model.rooms.get(this.room.id) !== this.room) this.leave().catch(() => {});
  }

  /**
   * @param {Call} call
   * @param {{reason: string, code?: string}} detail
   */
  #closed(call, detail) {
    if (this.call !== call) return;
    this.#forget();
    this.#tell('closed', detail);
    this.#tell('changed');
  }

  #forget() {
    if (this.#stream) stop(this.#stream);
    Object.assign(this, { call: null, room: null, since: 0 });
    this.#stream = null;
    this.#model.memory.set(KEPT, undefined);
  }

  #keep() {
    if (!this.call || !this.room || !this.#stream || this.since === 0) return;
    const { audio, video } = this.sends;
    const kept = {
      id: this.call.videoRoomId,
      roomId: this.room.id,
      devices: kindsOf(this.#stream),
      on: { audio, video },
    };
    this.#model.memory.set(KEPT, kept);
  }

  /**
   * @param {string} type
   * @param {any} [detail]
   */
  #tell(type, detail = {}) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** @param {MediaStream} stream */
function stop(stream) {
  for (const track of stream.getTracks()) track.stop();
}
