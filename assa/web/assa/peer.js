/**
 * The way of sound and pictures to one other participant of a call: one RTCPeerConnection after another.
 *
 * Perfect negotiation: either side may offer at any time; when both do, the polite one takes its offer back. What
 * is done to a connection is done one after the other, in the order in which it came.
 */

import { Delivery } from './delivery.js';
import { IceWatch } from './icewatch.js';
import { Lanes } from './lanes.js';

/** An offer without an answer is said again, as not every client answers at once. */
const OFFER_AGAIN_MS = 10_000;
const OFFERS = 3;
/** So many candidates wait for their description: more than a browser has, and no more than a page can bear. */
const EARLY = 256;

/** @typedef {'new' | 'connecting' | 'connected' | 'disconnected' | 'failed' | 'closed'} PeerState */

export class Peer {
  #uses;
  #polite;
  /** @type {RTCPeerConnection} */
  #pc = /** @type {any} */ (null);
  /** @type {Lanes} */
  #lanes = /** @type {any} */ (null);
  #chain = Promise.resolve();
  #tracks;
  /** @type {any[]} Candidates that came before their description. */
  #early = [];
  /** Whether candidates belong to an offer that was ignored. */
  #deaf = false;
  /** The remote description that was taken last, as it came. */
  #remote = '';
  /** The local description that was sent last; a newer one, or its rollback, makes it stale. */
  #local = /** @type {{type: string, sdp: string} | null} */ (null);
  #delivery;
  #ice;
  #patience = /** @type {any} */ (null);
  #closed = false;
  /** @type {MediaStream | null} What comes from the other one. */
  stream = null;
  /** @type {PeerState} */
  state = 'new';

  /**
   * @param {object} uses
   * @param {boolean} uses.polite Whether it gives way when both offer.
   * @param {() => RTCPeerConnection} uses.createPeer
   * @param {() => MediaStream} uses.createStream
   * @param {MediaStream} uses.outgoing What all tracks are sent as parts of; only its id matters.
   * @param {import('./lanes.js').Tracks} uses.tracks
   * @param {(action: string, fields: any) => Promise<void>} uses.signal
   * @param {(error: import('./errors.js').AssaError) => void} uses.refused Told of signalling that the server does not take.
   * @param {import('./clock.js').Clock} uses.clock
   * @param {() => void} uses.changed
   * @param {() => void} uses.streamed
   */
  constructor(uses) {
    this.#uses = uses;
    this.#polite = uses.polite;
    this.#tracks = uses.tracks;
    this.#delivery = new Delivery(uses);
    this.#ice = new IceWatch({
      clock: uses.clock,
      polite: uses.polite,
      state: () => this.#pc.iceConnectionState,
      restart: () => this.#pc.signalingState === 'stable' && this.#pc.restartIce(),
    });
    this.#create();
  }

  // --- what the call says ---

  /** Begin: offer to send and receive. */
  offer() {
    return this.#run(() => this.#lanes.open(this.#tracks));
  }

  /**
   * Wait for the other one to begin, but not for ever.
   *
   * @param {number} ms
   */
  expect(ms) {
    this.#wait(ms, () => {
      if (!this.#remote && !this.#local) this.offer();
    });
  }

  /**
   * Take a description from the other one.
   *
   * @param {string} type
   * @param {string} sdp
   */
  described(type, sdp) {
    return this.#run(() => (type === 'offer' ? this.#offered(sdp) : this.#answered(type, sdp)));
  }

  /** @param {{candidate: string, sdp_mid: string | null, sdp_mline_index: number | null}} data */
  candidate({ candidate, sdp_mid: sdpMid, sdp_mline_index: sdpMLineIndex }) {
    return this.#run(async () => {
      if (this.#deaf || candidate === '') return; // the end of candidates changes nothing
      const one = { candidate, sdpMid, sdpMLineIndex: sdpMLineIndex ?? (sdpMid === null ? 0 : null) };
      if (this.#pc.remoteDescription) await this.#addCandidate(one);
      else if (this.#early.length < EARLY) this.#early.push(one);
    });
  }

  /**
   * Send other tracks, without a new negotiation wherever there is an m-line for them.
   *
   * @param {import('./lanes.js').Tracks} tracks
   */
  send(tracks) {
    this.#tracks = tracks;
    return this.#run(async () => {
      await this.#lanes.fill(this.#tracks);
      if (this.#pc.remoteDescription) this.#lanes.complete(this.#tracks);
    });
  }

  /** @param {RTCConfiguration} config */
  configure(config) {
    this.#pc.setConfiguration(config);
  }

  /** Say again what the server may not have heard: the connection to it has come back. */
  resume() {
    return this.#run(() => {
      this.#delivery.resume();
      this.#ice.hurry();
    });
  }

  close() {
    this.#closed = true;
    this.#uses.clock.clearTimeout(this.#patience);
    this.#delivery.close();
    this.#drop();
    this.state = 'closed';
  }

  // --- one RTCPeerConnection ---

  #create() {
    const pc = this.#uses.createPeer();
    this.#pc = pc;
    this.#lanes = new Lanes(pc, this.#uses.outgoing);
    this.#early = [];
    this.#deaf = false;
    this.#remote = '';
    this.#local = null;
    this.stream = null;
    /** @param {(event: any) => void} react */
    const own = (react) => (/** @type {any} */ event) => {
      if (!this.#closed && pc === this.#pc) react(event);
    };
    pc.onnegotiationneeded = own(() => this.#run(() => this.#negotiate()));
    pc.onicecandidate = own(({ candidate }) => this.#gathered(pc, candidate));
    pc.ontrack = own(({ track }) => this.#received(track));
    pc.oniceconnectionstatechange = own(() => this.#ice.changed());
    pc.onconnectionstatechange = own(() => this.#tellState());
  }

  /** Begin again with a new one: the old one has nothing that is worth keeping. */
  #renew() {
    this.#drop();
    this.#create();
    this.#tellState();
  }

  #drop() {
    const pc = this.#pc;
    this.#ice.stop();
    pc.onnegotiationneeded = pc.onicecandidate = pc.ontrack = null;
    pc.oniceconnectionstatechange = pc.onconnectionstatechange = null;
    pc.close();
  }

  /**
   * @param {() => unknown} task
   * @returns {Promise<void>}
   */
  #run(task) {
    this.#chain = this.#chain.then(async () => {
      if (!this.#closed) await task();
    });
    // A task that fails, with a description that makes no sense for example, must not stop the next.
    this.#chain = this.#chain.catch((error) => {
      if (!this.#closed) console.warn('assa: negotiation failed', error);
    });
    return this.#chain;
  }

  // --- negotiation ---

  /** Offer. When it is not the moment, `negotiationneeded` comes again. */
  async #negotiate() {
    if (this.#pc.signalingState !== 'stable') return;
    await this.#pc.setLocalDescription();
    this.#describe();
    this.#offerAgain(OFFERS - 1);
  }

  /** @param {number} times */
  #offerAgain(times) {
    const local = this.#local;
    this.#wait(OFFER_AGAIN_MS, () => {
      if (local !== this.#local || this.#pc.signalingState !== 'have-local-offer' || times === 0) return;
      this.#sendDescription();
      this.#offerAgain(times - 1);
    });
  }

  /** @param {string} sdp */
  async #offered(sdp) {
    const stable = this.#pc.signalingState === 'stable';
    // A double: the answer has not come there yet, or its way was cut.
    if (stable && sdp === this.#remote && this.#local?.type === 'answer') return this.#sendDescription();
    if (!stable && !this.#polite) {
      this.#deaf = true;
      return;
    }
    await this.#giveWay();
    try {
      await this.#take('offer', sdp);
    } catch (error) {
      if (!this.#everConnected()) throw error;
      this.#renew(); // the other one has begun again, and what it offers does not fit the old connection
      await this.#take('offer', sdp);
    }
    await this.#lanes.fill(this.#tracks);
    await this.#pc.setLocalDescription();
    this.#describe();
    this.#lanes.complete(this.#tracks);
  }

  /** Take back the own offer; of a first one nothing is left, or its m-lines would come a second time. */
  async #giveWay() {
    if (!this.#everConnected()) {
      if (this.#pc.getTransceivers().length) this.#renew();
    } else if (this.#pc.signalingState !== 'stable') {
      await this.#pc.setLocalDescription({ type: 'rollback' });
      this.#local = null;
    }
  }

  /**
   * @param {string} type
   * @param {string} sdp
   */
  async #answered(type, sdp) {
    if (type === 'rollback') return;
    const { signalingState } = this.#pc;
    // Without an open offer it answers one that was taken back, or it is a double.
    if (signalingState !== 'have-local-offer' && signalingState !== 'have-remote-pranswer') return;
    if (sdp === this.#remote) return;
    await this.#take(/** @type {RTCSdpType} */ (type), sdp);
  }

  /**
   * @param {RTCSdpType} type
   * @param {string} sdp
   */
  async #take(type, sdp) {
    await this.#pc.setRemoteDescription({ type, sdp });
    this.#remote = sdp;
    this.#deaf = false;
    for (const candidate of this.#early.splice(0)) await this.#addCandidate(candidate);
  }

  /** @param {RTCIceCandidateInit} candidate */
  async #addCandidate(candidate) {
    // One that does not fit (of an offer that was taken back) is no loss.
    await this.#pc.addIceCandidate(candidate).catch(() => {});
  }

  #everConnected() {
    return this.#remote !== '';
  }

  // --- signalling ---

  #describe() {
    const { type, sdp } = /** @type {any} */ (this.#pc.localDescription);
    this.#local = { type, sdp };
    this.#sendDescription();
  }

  #sendDescription() {
    const local = /** @type {{type: string, sdp: string}} */ (this.#local);
    const state = local.type === 'offer' ? 'have-local-offer' : 'stable';
    const current = () => local === this.#local && this.#pc.signalingState === state;
    this.#delivery.say('SDP', { sdp_type: local.type, sdp_data: local.sdp }, current);
  }

  /**
   * @param {RTCPeerConnection} pc
   * @param {RTCIceCandidate | null} candidate
   */
  #gathered(pc, candidate) {
    if (!candidate?.candidate) return;
    const fields = {
      candidate: candidate.candidate,
      sdp_mid: candidate.sdpMid,
      sdp_mline_index: candidate.sdpMLineIndex,
    };
    this.#delivery.say('ICE_CANDIDATE', fields, () => pc === this.#pc);
  }

  // --- what comes ---

  /** @param {MediaStreamTrack} track */
  #received(track) {
    this.stream ??= this.#uses.createStream();
    if (!this.stream.getTracks().includes(track)) this.stream.addTrack(track);
    this.#uses.streamed();
  }

  #tellState() {
    const state = /** @type {PeerState} */ (this.#pc.connectionState);
    if (state === this.state) return;
    this.state = state;
    this.#uses.changed();
  }

  /**
   * Do something after a while, unless something else is to be waited for by then.
   *
   * @param {number} ms
   * @param {() => void} task
   */
  #wait(ms, task) {
    this.#uses.clock.clearTimeout(this.#patience);
    this.#patience = this.#uses.clock.setTimeout(task, ms);
  }
}
