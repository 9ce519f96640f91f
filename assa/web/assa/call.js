/** A video call: a seat in a video room, and a way of sound and pictures to each of the others (§7). */

import { AssaError } from './errors.js';
import { Media } from './media.js';
import { Mesh } from './mesh.js';
import { Seat } from './seat.js';
import { Status } from './status.js';
import { IceServers } from './turn.js';

/** Those who are there offer to a newcomer; one who gets no offer for so long offers himself. */
const OFFER_GRACE_MS = 3_000;

const AGAIN_MS = 2_000;

/** After these there is no seat to be had. */
const OVER = new Set(['VIDEO_ROOM_NOT_FOUND', 'ROOM_NOT_FOUND', 'USER_NOT_IN_ROOM', 'MAX_PARTICIPANTS_REACHED']);

const EVENTS = [
  'SDP',
  'ICE_CANDIDATE',
  'PARTICIPANT_JOINED',
  'PARTICIPANT_LEFT',
  'PARTICIPANT_MEDIA_STATUS',
  'VIDEO_HOST_CHANGED',
  'VIDEO_ROOM_CLOSED',
];

/**
 * A call. Its events, each a `CustomEvent`:
 *
 * - `participants`: the others, as in the property of that name; somebody came, left, or changed;
 * - `stream`: `{userId, stream}`; `peerstate`: `{userId, state}`;
 * - `sharing`: `{on}`, also when the browser ended the sharing of the screen;
 * - `closed`: `{reason, code}`, where the reason is `left`, `moved` (to another device), `kicked` or `ended`.
 */
export class Call extends EventTarget {
  #connection;
  #clock;
  #media;
  #mesh;
  #seat;
  #status;
  #iceServers;
  /** @type {'idle' | 'joining' | 'joined' | 'closed'} */
  #state = 'idle';
  #joinedOnce = false;
  /** Counts the ways in: an older one that is still waiting is out of date. */
  #way = 0;
  #own = /** @type {any} */ (null);
  /** @type {any[] | null} Events that came while the answer to JOIN_VIDEO_ROOM was on its way. */
  #early = null;
  #again = /** @type {any} */ (null);
  #checking = false;
  #hear = (/** @type {any} */ event) => this.#heard(event.detail);
  #watch = (/** @type {any} */ event) => this.#followed(event.detail);

  /**
   * @param {import('./connection.js').Connection} connection
   * @param {number} videoRoomId
   * @param {object} [options]
   * @param {(config: RTCConfiguration) => RTCPeerConnection} [options.createPeer]
   * @param {() => MediaStream} [options.createStream]
   * @param {{audio?: boolean, video?: boolean}} [options.media] What is on at first.
   */
  constructor(connection, videoRoomId, { createPeer, createStream, media } = {}) {
    super();
    this.videoRoomId = videoRoomId;
    this.#connection = connection;
    this.#clock = connection.clock;
    this.#seat = new Seat(connection, videoRoomId);
    this.#media = new Media(media);
    const room = { video_room_id: videoRoomId };
    this.#status = new Status({
      media: this.#media,
      signal: (status) => connection.signal('MEDIA_STATUS', { ...room, ...status }),
      clock: this.#clock,
    });
    this.#iceServers = new IceServers({
      clock: this.#clock,
      now: () => connection.serverNow,
      ask: async () => (await connection.request('GET_ICE_SERVERS', room)).ice_servers,
      changed: (iceServers) => this.#mesh.configure(iceServers),
    });
    this.#mesh = new Mesh({
      createPeer: createPeer ?? ((config) => new RTCPeerConnection(config)),
      createStream: createStream ?? (() => new MediaStream()),
      clock: this.#clock,
      media: this.#media,
      signal: (action, fields) => connection.signal(action, { ...room, ...fields }),
      refused: (error) => this.#refused(error),
      changed: (userId, { state }) => this.#tell('peerstate', { userId, state }),
      streamed: (userId, { stream }) => this.#tell('stream', { userId, stream }),
    });
  }

  /** The others, in the order in which they came. */
  get participants() {
    return this.#mesh.participants;
  }

  /** Oneself, likewise. */
  get self() {
    const { audio_enabled: audio, video_enabled: video } = this.#media.status;
    const { nickname = '', role = 'participant' } = this.#own ?? {};
    const { stream, screen } = this.#media;
    return { userId: this.#connection.userId, nickname, role, audio, video, stream: screen ?? stream };
  }

  /** @returns {'idle' | 'joining' | 'joined' | 'closed'} */
  get state() {
    return this.#state;
  }

  /** Whether a screen is shared. */
  get sharing() {
    return this.#media.screen !== null;
  }

  // --- coming and going ---

  /**
   * Take part.
   *
   * @returns {Promise<import('./mesh.js').Participant[]>} The others.
   */
  async join() {
    if (this.#state !== 'idle') throw new AssaError('CONFLICT', `a call that is ${this.#state} cannot be joined`);
    for (const action of EVENTS) this.#connection.addEventListener(action, this.#hear);
    this.#connection.addEventListener('state', this.#watch);
    this.#state = 'joining';
    try {
      await this.#sitAtLast();
    } catch (error) {
      this.#end();
      if (this.#isJoining()) this.#state = 'idle';
      throw error;
    }
    return this.participants;
  }

  /** Leave; when the server cannot be reached it is told later. */
  async leave() {
    if (this.#state === 'closed' || this.#state === 'idle') return;
    this.#close('left');
    await this.#exit();
  }

  async #exit() {
    await this.#seat.exit().catch((error) => {
      if (error.code === 'DISCONNECTED') this.#seat.exitLater();
    });
  }

  /** Sit down, however often the connection is lost meanwhile, as long as it comes back. */
  async #sitAtLast() {
    for (;;) {
      try {
        if (this.#seat.kept) await this.#seat.vacate(); // of a page before this one, whose ways are gone
        return await this.#sit();
      } catch (error) {
        const lost = /** @type {AssaError} */ (error).code === 'DISCONNECTED';
        if (!lost || !(await this.#connectedAgain()) || !this.#isJoining()) throw error;
      }
    }
  }

  /** @returns {Promise<boolean>} */
  async #connectedAgain() {
    while (['connecting', 'reconnecting'].includes(this.#connection.state)) {
      await new Promise((resolve) => this.#connection.addEventListener('state', resolve, { once: true }));
    }
    return this.#connection.state === 'connected';
  }

  async #sit() {
    this.#way += 1;
    const way = this.#way;
    this.#early = [];
    const data = await this.#seat.take(this.#media.status);
    if (this.#state === 'closed') return this.#exit(); // left meanwhile
    if (way !== this.#way) return undefined;
    this.#state = 'joined';
    this.#joinedOnce = true;
    this.#iceServers.use(data.ice_servers ?? []);
    this.#own = data.participants.find((/** @type {any} */ one) => one.user_id === this.#connection.userId);
    for (const info of data.participants) if (info !== this.#own) this.#add(info).expect(OFFER_GRACE_MS);
    const early = this.#early ?? [];
    this.#early = null;
    this.#told();
    for (const message of early) this.#heard(message);
    return undefined;
  }

  /** Ask the type checker not to remember what was true before something was awaited. */
  #isJoining() {
    return this.#state === 'joining';
  }

  // --- what is sent ---

  /**
   * Send the camera and the microphone of a stream; none: only see and hear.
   *
   * @param {MediaStream | null} stream
   */
  setStream(stream) {
    this.#media.stream = stream;
    this.#media.apply();
    return this.#mesh.send();
  }

  /** @param {boolean} on */
  setAudio(on) {
    this.#media.audio = on;
    this.#tellStatus();
  }

  /** @param {boolean} on */
  setVideo(on) {
    this.#media.video = on;
    this.#tellStatus();
  }

  /**
   * Send a screen in the place of the camera.
   *
   * @param {MediaStream} stream Of `getDisplayMedia`.
   */
  async shareScreen(stream) {
    this.#media.screen = stream;
    stream.getVideoTracks()[0]?.addEventListener('ended', () => {
      if (this.#media.screen === stream) this.stopSharing(); // by the browser's own button
    });
    await this.#screenChanged();
  }

  /** Go back to the camera. */
  async stopSharing() {
    const { screen } = this.#media;
    if (!screen) return;
    this.#media.screen = null;
    for (const track of screen.getTracks()) track.stop();
    await this.#screenChanged();
  }

  #screenChanged() {
    this.#tellStatus();
    this.#dispatch('sharing', { on: this.sharing });
    return this.#mesh.send();
  }

  #tellStatus() {
    this.#media.apply();
    if (this.#state === 'joined') this.#status.tell();
  }

  // --- what is heard ---

  /** @param {any} info */
  #add(info) {
    return this.#mesh.add(info, this.#connection.userId ?? 0);
  }

  /** @param {any} message */
  #heard(message) {
    const { action, data } = message;
    if (data?.video_room_id !== this.videoRoomId) return;
    if (this.#early) this.#early.push(message);
    else if (this.#state === 'joined') this.#take(action, data);
    else if (action === 'VIDEO_ROOM_CLOSED') this.#close('ended');
  }

  /**
   * @param {string} action
   * @param {any} data
   */
  #take(action, data) {
    if (action === 'SDP' || action === 'ICE_CANDIDATE') return this.#mesh.heard(action, data);
    if (action === 'VIDEO_ROOM_CLOSED') return this.#close('ended');
    if (action === 'PARTICIPANT_JOINED') this.#joined(data.participant);
    else if (action === 'PARTICIPANT_LEFT') this.#left(data);
    else if (action === 'VIDEO_HOST_CHANGED') this.#hosted(data.host_user_id);
    else this.#mesh.switched(data);
    if (this.#state === 'joined') this.#told();
    return undefined;
  }

  /** @param {any} info */
  #joined(info) {
    if (info.user_id !== this.#connection.userId) this.#add(info).offer();
  }

  /** @param {any} data */
  #left({ user_id: userId, reason }) {
    if (userId !== this.#connection.userId) this.#mesh.remove(userId);
    else if (reason === 'moved' || reason === 'kicked') this.#close(reason);
  }

  /** @param {number} userId */
  #hosted(userId) {
    this.#mesh.hosted(userId);
    if (this.#own) this.#own.role = this.#own.user_id === userId ? 'host' : 'participant';
  }

  // --- coming back ---

  /** @param {{state: string, reason: string}} detail Of the connection. */
  #followed({ state, reason }) {
    if (state === 'connected') this.#connected();
    else if (state === 'closed') this.#close(reason === 'SESSION_REPLACED' ? 'moved' : 'left'); // the seat is not here
  }

  #connected() {
    this.#seat.connected();
    this.#clock.clearTimeout(this.#again);
    if (this.#joinedOnce) this.#resync();
  }

  /** The connection is there again: go on where it was lost, or begin anew. */
  async #resync() {
    try {
      // What was missed has been heard when this is answered: perhaps that the seat has moved.
      await this.#connection.request('PING');
      const resumed = this.#connection.welcome.reconnection_info?.resumed === true;
      if (this.#state === 'closed') return;
      if (this.#state === 'joined' && this.#seat.kept && resumed) this.#carryOn();
      else await this.#rebuild();
    } catch (error) {
      this.#notBack(/** @type {AssaError} */ (error));
    }
  }

  #carryOn() {
    this.#mesh.resume();
    this.#status.resume();
    this.#iceServers.plan();
  }

  /** Signalling is missing, or the seat was lost: sit down again, as a newcomer. */
  async #rebuild() {
    this.#state = 'joining';
    this.#early = null;
    this.#mesh.clear();
    this.#told();
    const elsewhere = await this.#seat.vacate();
    if (!this.#isJoining()) return;
    if (elsewhere) this.#close('moved');
    else await this.#sit();
  }

  /** @param {AssaError} error */
  #notBack(error) {
    if (this.#state === 'closed' || error.code === 'DISCONNECTED') return; // the next connection begins it again
    if (OVER.has(error.code)) return this.#close('ended', error.code);
    this.#clock.clearTimeout(this.#again);
    this.#again = this.#clock.setTimeout(() => this.#resync(), error.retryAfterMs ?? AGAIN_MS);
  }

  /**
   * Signalling was refused: the other one has left, which will be heard, or there is no seat any more.
   *
   * @param {AssaError} error
   */
  async #refused(error) {
    if (!OVER.has(error.code) || this.#checking || this.#state !== 'joined') return;
    this.#checking = true;
    const gone = await this.#seat.isTaken().then(
      (taken) => !taken,
      ({ code }) => OVER.has(code),
    );
    this.#checking = false;
    if (gone && this.#state === 'joined') this.#close('ended', error.code);
  }

  // --- the end ---

  /**
   * @param {'left' | 'moved' | 'kicked' | 'ended'} reason
   * @param {string} [code] What the server said, if it did.
   */
  #close(reason, code) {
    this.#end();
    for (const track of this.#media.screen?.getTracks() ?? []) track.stop();
    this.#media.screen = null;
    this.#state = 'closed';
    this.#told();
    this.#dispatch('closed', { reason, code });
  }

  #end() {
    for (const action of EVENTS) this.#connection.removeEventListener(action, this.#hear);
    this.#connection.removeEventListener('state', this.#watch);
    this.#clock.clearTimeout(this.#again);
    this.#status.stop();
    this.#iceServers.stop();
    this.#early = null;
    this.#mesh.clear();
  }

  // --- telling ---

  /**
   * @param {string} type
   * @param {any} detail
   */
  #tell(type, detail) {
    this.#dispatch(type, detail);
    this.#told();
  }

  #told() {
    this.#dispatch('participants', this.participants);
  }

  /**
   * @param {string} type
   * @param {any} detail
   */
  #dispatch(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
