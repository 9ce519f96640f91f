/** A video call: a seat in a video room, and a way of sound and pictures to each of the others (§7). */

import { AssaError } from './errors.js';
import { Media } from './media.js';
import { Peer } from './peer.js';
import { expiryOf, refreshIn } from './turn.js';

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
 * @typedef {object} Participant
 * @property {number} userId
 * @property {string} nickname
 * @property {string} role `host` or `participant`.
 * @property {boolean} audio Whether his microphone is on.
 * @property {boolean} video
 * @property {MediaStream | null} stream
 * @property {import('./peer.js').PeerState} state
 *
 * @typedef {{info: any, peer: Peer}} Other
 */

/**
 * A call. Its events, each a `CustomEvent`:
 *
 * - `participants`: the others, as in the property of that name; somebody came, left, or changed;
 * - `stream`: `{userId, stream}`; `peerstate`: `{userId, state}`;
 * - `sharing`: `{on}`, also when the screen's sharing was ended by the browser;
 * - `closed`: `{reason, code}`, where the reason is `left`, `moved` (to another device), `kicked` or `ended`.
 */
export class Call extends EventTarget {
  #connection;
  #uses;
  #clock;
  #media;
  #outgoing;
  /** @type {'idle' | 'joining' | 'joined' | 'closed'} */
  #state = 'idle';
  /** @type {Map<number, Other>} */
  #others = new Map();
  /** @type {any} */
  #self = null;
  /** @type {any[] | null} Events that came while the answer to JOIN_VIDEO_ROOM was on its way. */
  #early = null;
  /** @type {RTCIceServer[]} */
  #iceServers = [];
  #refresh = /** @type {any} */ (null);
  #again = /** @type {any} */ (null);
  #statusLost = false;
  #checking = false;
  #hear = (/** @type {any} */ event) => this.#heard(event.detail);
  #watch = (/** @type {any} */ event) => event.detail.state === 'connected' && this.#resync();

  /**
   * @param {import('./connection.js').Connection} connection
   * @param {number} videoRoomId
   * @param {object} [options]
   * @param {(config: RTCConfiguration) => RTCPeerConnection} [options.createPeer]
   * @param {() => MediaStream} [options.createStream]
   * @param {{audio?: boolean, video?: boolean}} [options.media] What is on at first.
   * @param {import('./clock.js').Clock} [options.clock]
   */
  constructor(connection, videoRoomId, options = {}) {
    super();
    this.videoRoomId = videoRoomId;
    this.#connection = connection;
    this.#uses = {
      createPeer: options.createPeer ?? ((config) => new RTCPeerConnection(config)),
      createStream: options.createStream ?? (() => new MediaStream()),
    };
    this.#clock = options.clock ?? connection.clock;
    this.#media = new Media(options.media);
    this.#outgoing = this.#uses.createStream();
  }

  /** The others, in the order in which they came. @returns {Participant[]} */
  get participants() {
    return [...this.#others.values()].map(({ info, peer }) => ({
      userId: info.user_id,
      nickname: info.nickname,
      role: info.role,
      audio: info.media_status.audio_enabled,
      video: info.media_status.video_enabled,
      stream: peer.stream,
      state: peer.state,
    }));
  }

  /** Oneself, likewise. */
  get self() {
    const { audio_enabled: audio, video_enabled: video } = this.#media.status;
    const { nickname = '', role = 'participant' } = this.#self ?? {};
    const { stream, screen } = this.#media;
    return { userId: this.#connection.userId, nickname, role, audio, video, stream: screen ?? stream };
  }

  /** @returns {'idle' | 'joining' | 'joined' | 'closed'} */
  get state() {
    return this.#state;
  }

  get sharing() {
    return this.#media.screen !== null;
  }

  // --- coming and going ---

  /**
   * Take part.
   *
   * @returns {Promise<Participant[]>} The others.
   */
  async join() {
    if (this.#state !== 'idle') throw new AssaError('CONFLICT', `a call that is ${this.#state} cannot be joined`);
    for (const action of EVENTS) this.#connection.addEventListener(action, this.#hear);
    this.#connection.addEventListener('state', this.#watch);
    this.#state = 'joining';
    try {
      if (this.#hasSeat()) await this.#vacate(); // of a page before this one, whose peer connections are gone
      await this.#sit();
    } catch (error) {
      this.#end();
      this.#state = 'idle';
      throw error;
    }
    return this.participants;
  }

  /** Leave; when the server cannot be reached it is told later. */
  async leave() {
    if (this.#state === 'closed' || this.#state === 'idle') return;
    this.#close('left');
    await this.#exit().catch((error) => {
      if (error.code === 'DISCONNECTED') this.#exitLater();
    });
  }

  #exit() {
    return this.#connection.request('EXIT_VIDEO_ROOM', { video_room_id: this.videoRoomId });
  }

  #exitLater() {
    const exit = (/** @type {any} */ event) => {
      if (event.detail.state === 'reconnecting' || event.detail.state === 'connecting') return;
      this.#connection.removeEventListener('state', exit);
      if (event.detail.state === 'connected' && this.#hasSeat()) this.#exit().catch(() => {});
    };
    this.#connection.addEventListener('state', exit);
  }

  /** Whether this session had a seat when it was connected. */
  #hasSeat() {
    return Boolean(this.#connection.welcome?.reconnection_info?.video_rooms?.includes(this.videoRoomId));
  }

  /**
   * Give up the seat, if others are there who would go on talking to what is gone; they will see a newcomer.
   * (With its last participant the room would be over.)
   *
   * @returns {Promise<boolean>} Whether the user takes part, here or elsewhere.
   */
  async #vacate() {
    const room = { video_room_id: this.videoRoomId };
    const { participants } = await this.#connection.request('GET_VIDEO_ROOM_PARTICIPANT', room);
    const there = participants.some((/** @type {any} */ one) => one.user_id === this.#connection.userId);
    if (there && participants.length > 1 && this.#hasSeat()) {
      await this.#exit().catch((error) => {
        if (error.code !== 'USER_NOT_IN_ROOM') throw error;
      });
    }
    return there;
  }

  async #sit() {
    this.#early = [];
    const asked = { video_room_id: this.videoRoomId, media_status: this.#media.status };
    const data = await this.#connection.request('JOIN_VIDEO_ROOM', asked);
    if (this.#state !== 'joining') return this.#exit().catch(() => {}); // left meanwhile
    this.#state = 'joined';
    this.#useServers(data.ice_servers ?? []);
    for (const info of data.participants) {
      if (info.user_id === this.#connection.userId) this.#self = info;
      else this.#add(info).expect(OFFER_GRACE_MS);
    }
    const early = this.#early ?? [];
    this.#early = null;
    this.#told();
    for (const message of early) this.#heard(message);
  }

  // --- what is sent ---

  /**
   * Send the camera and the microphone of a stream; none: only see and hear.
   *
   * @param {MediaStream | null} stream
   */
  setStream(stream) {
    this.#media.stream = stream;
    return this.#send();
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
    this.#tellStatus();
    this.#dispatch('sharing', { on: true });
    await this.#send();
  }

  /** Go back to the camera. */
  async stopSharing() {
    const { screen } = this.#media;
    if (!screen) return;
    this.#media.screen = null;
    for (const track of screen.getTracks()) track.stop();
    this.#tellStatus();
    this.#dispatch('sharing', { on: false });
    await this.#send();
  }

  async #send() {
    this.#media.apply();
    const { tracks } = this.#media;
    await Promise.all([...this.#others.values()].map(({ peer }) => peer.send(tracks)));
  }

  #tellStatus() {
    this.#media.apply();
    if (this.#state !== 'joined') return;
    this.#statusLost = false;
    const status = { video_room_id: this.videoRoomId, ...this.#media.status };
    this.#connection.signal('MEDIA_STATUS', status).catch((error) => {
      if (error.code === 'DISCONNECTED') this.#statusLost = true;
      else if (error.retryAfterMs !== null) this.#later(() => this.#tellStatus(), error.retryAfterMs);
    });
  }

  // --- the others ---

  /** @param {any} info */
  #add(info) {
    const userId = info.user_id;
    this.#others.get(userId)?.peer.close();
    this.#others.delete(userId);
    const room = { video_room_id: this.videoRoomId, target_user_id: userId };
    const peer = new Peer({
      polite: this.#connection.userId < userId,
      createPeer: () => this.#uses.createPeer({ iceServers: this.#iceServers }),
      createStream: this.#uses.createStream,
      outgoing: this.#outgoing,
      tracks: this.#media.tracks,
      signal: (action, fields) => this.#connection.signal(action, { ...room, ...fields }),
      refused: (error) => this.#refused(error),
      clock: this.#clock,
      changed: () => {
        this.#dispatch('peerstate', { userId, state: peer.state });
        this.#told();
      },
      streamed: () => {
        this.#dispatch('stream', { userId, stream: peer.stream });
        this.#told();
      },
    });
    this.#others.set(userId, { info, peer });
    return peer;
  }

  /** @param {number} userId */
  #remove(userId) {
    this.#others.get(userId)?.peer.close();
    this.#others.delete(userId);
  }

  // --- what is heard ---

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
    const sender = this.#others.get(data.sender_user_id)?.peer;
    if (action === 'SDP') sender?.described(data.sdp_type, data.sdp_data);
    else if (action === 'ICE_CANDIDATE') sender?.candidate(data);
    else if (action === 'VIDEO_ROOM_CLOSED') this.#close('ended');
    else {
      if (action === 'PARTICIPANT_JOINED') this.#joined(data.participant);
      else if (action === 'PARTICIPANT_LEFT') this.#left(data);
      else if (action === 'VIDEO_HOST_CHANGED') this.#hosted(data.host_user_id);
      else this.#switched(data);
      this.#told();
    }
  }

  /** @param {any} info */
  #joined(info) {
    if (info.user_id !== this.#connection.userId) this.#add(info).offer();
  }

  /** @param {any} data */
  #left({ user_id: userId, reason }) {
    if (userId !== this.#connection.userId) this.#remove(userId);
    else if (reason === 'moved' || reason === 'kicked') this.#close(reason);
  }

  /** @param {number} userId */
  #hosted(userId) {
    const people = [...this.#others.values()].map((one) => one.info);
    for (const one of this.#self ? [...people, this.#self] : people) {
      one.role = one.user_id === userId ? 'host' : 'participant';
    }
  }

  /** @param {any} data */
  #switched({ user_id: userId, audio_enabled, video_enabled }) {
    const other = this.#others.get(userId);
    if (other) other.info.media_status = { audio_enabled, video_enabled };
  }

  // --- coming back ---

  /** The connection is there again: go on where it was lost, or begin anew. */
  async #resync() {
    if (this.#state === 'closed') return;
    const { welcome } = this.#connection;
    try {
      // What was missed has been heard when this is answered: perhaps that the seat has moved.
      await this.#connection.request('PING');
      if (this.#state === 'joined' && this.#hasSeat() && welcome.reconnection_info.resumed) this.#carryOn();
      else if (this.#state === 'joined') await this.#rebuild();
    } catch (error) {
      this.#notBack(/** @type {AssaError} */ (error));
    }
  }

  #carryOn() {
    for (const { peer } of this.#others.values()) peer.resume();
    if (this.#statusLost) this.#tellStatus();
    this.#planRefresh();
  }

  /** Signalling is missing, or the seat was lost: sit down again, as a newcomer. */
  async #rebuild() {
    this.#state = 'joining';
    for (const userId of [...this.#others.keys()]) this.#remove(userId);
    this.#told();
    const there = await this.#vacate();
    if (there && !this.#hasSeat()) this.#close('moved');
    else if (this.#isJoining()) await this.#sit();
  }

  #isJoining() {
    return this.#state === 'joining';
  }

  /** @param {AssaError} error */
  #notBack(error) {
    if (this.#state === 'closed') return;
    this.#early = null;
    if (this.#state === 'joining') this.#state = 'joined'; // as far as it knows; without the others
    if (error.code === 'DISCONNECTED') return; // the next connection begins it again
    if (OVER.has(error.code)) this.#close('ended', error.code);
    else this.#later(() => this.#resync(), error.retryAfterMs ?? AGAIN_MS);
  }

  /**
   * Signalling was refused: the other one has left, which will be heard, or there is no seat any more.
   *
   * @param {AssaError} error
   */
  async #refused(error) {
    if (!OVER.has(error.code) || this.#checking || this.#state !== 'joined') return;
    this.#checking = true;
    const room = { video_room_id: this.videoRoomId };
    try {
      const { participants } = await this.#connection.request('GET_VIDEO_ROOM_PARTICIPANT', room);
      const there = participants.some((/** @type {any} */ one) => one.user_id === this.#connection.userId);
      if (!there && this.#state === 'joined') this.#close('ended');
    } catch (problem) {
      const { code } = /** @type {AssaError} */ (problem);
      if (OVER.has(code) && this.#state === 'joined') this.#close('ended', code);
    } finally {
      this.#checking = false;
    }
  }

  // --- TURN ---

  /** @param {RTCIceServer[]} iceServers */
  #useServers(iceServers) {
    this.#iceServers = iceServers;
    for (const { peer } of this.#others.values()) peer.configure({ iceServers });
    this.#planRefresh();
  }

  #planRefresh() {
    this.#clock.clearTimeout(this.#refresh);
    const expiry = expiryOf(this.#iceServers);
    if (expiry === null) return;
    const ms = refreshIn(expiry, this.#connection.serverNow);
    this.#refresh = this.#clock.setTimeout(() => this.#refreshServers(), ms);
  }

  async #refreshServers() {
    const room = { video_room_id: this.videoRoomId };
    const answer = await this.#connection.request('GET_ICE_SERVERS', room).catch(() => null);
    if (this.#state === 'closed') return;
    if (answer) this.#useServers(answer.ice_servers);
    else this.#planRefresh(); // soon again, or when the connection is back
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
    this.#clock.clearTimeout(this.#refresh);
    this.#clock.clearTimeout(this.#again);
    this.#early = null;
    for (const userId of [...this.#others.keys()]) this.#remove(userId);
  }

  /**
   * @param {() => void} task
   * @param {number} ms
   */
  #later(task, ms) {
    this.#clock.clearTimeout(this.#again);
    this.#again = this.#clock.setTimeout(task, ms);
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
