/** The others in a call, and the way to each of them. */

import { Peer } from './peer.js';

/**
 * @typedef {object} Participant
 * @property {number} userId
 * @property {string} nickname
 * @property {string} role `host` or `participant`.
 * @property {boolean} audio Whether his microphone is on.
 * @property {boolean} video Whether his camera or his screen is on.
 * @property {MediaStream | null} stream What comes from him.
 * @property {import('./peer.js').PeerState} state
 *
 * @typedef {object} Uses
 * @property {(config: RTCConfiguration) => RTCPeerConnection} createPeer
 * @property {() => MediaStream} createStream
 * @property {import('./clock.js').Clock} clock
 * @property {import('./media.js').Media} media
 * @property {(action: string, fields: any) => Promise<void>} signal
 * @property {(error: import('./errors.js').AssaError) => void} refused
 * @property {(userId: number, peer: Peer) => void} changed
 * @property {(userId: number, peer: Peer) => void} streamed
 */

export class Mesh {
  #uses;
  #outgoing;
  /** @type {RTCIceServer[]} */
  #iceServers = [];
  /** @type {Map<number, {info: any, peer: Peer}>} */
  #others = new Map();

  /** @param {Uses} uses */
  constructor(uses) {
    this.#uses = uses;
    this.#outgoing = uses.createStream();
  }

  /** @returns {Participant[]} In the order in which they came. */
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

  /**
   * Take somebody in; who was there under that id is gone.
   *
   * @param {any} info A participant, as the protocol shows him.
   * @param {number} ownId
   * @returns {Peer}
   */
  add(info, ownId) {
    const userId = info.user_id;
    this.remove(userId);
    /** @type {Peer} */
    const peer = new Peer({
      polite: ownId < userId,
      createPeer: () => this.#uses.createPeer({ iceServers: this.#iceServers }),
      createStream: this.#uses.createStream,
      outgoing: this.#outgoing,
      tracks: this.#uses.media.tracks,
      signal: (action, fields) => this.#uses.signal(action, { target_user_id: userId, ...fields }),
      refused: this.#uses.refused,
      clock: this.#uses.clock,
      changed: () => this.#uses.changed(userId, peer),
      streamed: () => this.#uses.streamed(userId, peer),
    });
    this.#others.set(userId, { info, peer });
    return peer;
  }

  /** @param {number} userId */
  remove(userId) {
    this.#others.get(userId)?.peer.close();
    this.#others.delete(userId);
  }

  clear() {
    for (const userId of [...this.#others.keys()]) this.remove(userId);
  }

  /**
   * Take signalling from one of them.
   *
   * @param {string} action
   * @param {any} data
   */
  heard(action, data) {
    const peer = this.#others.get(data.sender_user_id)?.peer;
    if (action === 'SDP') peer?.described(data.sdp_type, data.sdp_data);
    else peer?.candidate(data);
  }

  /** @param {number} userId */
  hosted(userId) {
    for (const { info } of this.#others.values()) info.role = info.user_id === userId ? 'host' : 'participant';
  }

  /** @param {any} data Of PARTICIPANT_MEDIA_STATUS. */
  switched({ user_id: userId, audio_enabled, video_enabled }) {
    const other = this.#others.get(userId);
    if (other) other.info.media_status = { audio_enabled, video_enabled };
  }

  /** Send the tracks as they are now. */
  async send() {
    const { tracks } = this.#uses.media;
    await Promise.all([...this.#others.values()].map(({ peer }) => peer.send(tracks)));
  }

  /** Go on: the connection to the server is there again. */
  resume() {
    for (const { peer } of this.#others.values()) peer.resume();
  }

  /** @param {RTCIceServer[]} iceServers */
  configure(iceServers) {
    this.#iceServers = iceServers;
    for (const { peer } of this.#others.values()) peer.configure({ iceServers });
  }
}
