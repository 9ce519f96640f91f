/**
 * RTCPeerConnection as W3C describes it, as far as negotiation goes, with a network in between that can be blocked.
 * It is strict where browsers are: an answer must be one to the open offer, and a description must come from the
 * connection that the one before came from.
 */

let numbers = 0;

const turn = () => new Promise((resolve) => setImmediate(resolve));

export class FakeTrack extends EventTarget {
  enabled = true;
  stopped = false;

  constructor(kind, label = '') {
    super();
    numbers += 1;
    this.kind = kind;
    this.id = `${kind}${label}${numbers}`;
  }

  stop() {
    this.stopped = true;
  }
}

export class FakeStream {
  constructor(tracks = []) {
    numbers += 1;
    this.id = `stream${numbers}`;
    this.tracks = [...tracks];
  }

  static camera(kinds = ['audio', 'video'], label = '') {
    return new FakeStream(kinds.map((kind) => new FakeTrack(kind, label)));
  }

  getTracks = () => this.tracks;
  addTrack = (track) => this.tracks.push(track);
  getAudioTracks = () => this.tracks.filter((one) => one.kind === 'audio');
  getVideoTracks = () => this.tracks.filter((one) => one.kind === 'video');
}

export class FakeNetwork {
  blocked = false;
  pcs = new Map();

  create = (config) => new FakePeerConnection(this, config);

  get open() {
    return [...this.pcs.values()].filter((one) => one.signalingState !== 'closed');
  }

  /** Let those connect whose descriptions and candidates fit. */
  update() {
    for (const pc of this.open) pc.look();
  }

  /** Break what is connected. */
  fail(state = 'failed') {
    for (const pc of this.open) if (pc.iceConnectionState === 'connected') pc.become(state);
  }
}

export class FakePeerConnection {
  signalingState = 'stable';
  iceConnectionState = 'new';
  connectionState = 'new';
  localDescription = null;
  remoteDescription = null;
  transceivers = [];
  candidates = new Set();
  offers = 0; // how often it has offered
  replacements = [];
  rollbacks = 0;
  #chain = Promise.resolve();
  #stable = { local: null, remote: null };
  #restart = false;
  #needed = false;
  #mids = 0;

  constructor(network, config) {
    numbers += 1;
    this.id = `pc${numbers}`;
    this.network = network;
    this.config = config;
    this.ufrag = this.#newUfrag();
    network.pcs.set(this.id, this);
  }

  // --- what is sent and received ---

  addTransceiver(trackOrKind, { direction = 'sendrecv', streams = [] } = {}) {
    const track = typeof trackOrKind === 'string' ? null : trackOrKind;
    const made = this.#transceiver(track?.kind ?? trackOrKind, direction, track);
    made.streams = streams;
    this.#need();
    return made;
  }

  getTransceivers() {
    return [...this.transceivers];
  }

  /** What the other side would get: the tracks that are sent. */
  get sent() {
    return this.transceivers.map((one) => one.sender.track).filter(Boolean);
  }

  #transceiver(kind, direction, track = null) {
    const made = { mid: null, direction, streams: [], told: false, receiver: { track: new FakeTrack(kind, '-in-') } };
    made.sender = {
      track,
      setStreams: (...streams) => {
        made.streams = streams;
      },
      replaceTrack: async (next) => {
        await turn();
        if (next && next.kind !== kind) throw new TypeError('another kind');
        made.sender.track = next;
        this.replacements.push(next);
      },
    };
    this.transceivers.push(made);
    return made;
  }

  // --- negotiation ---

  setLocalDescription(description) {
    return this.#then(() => {
      if (description?.type === 'rollback') return this.#rollBack();
      const type = description?.type ?? (this.signalingState === 'have-remote-offer' ? 'answer' : 'offer');
      if (type === 'offer') this.#offer();
      else this.#answer();
      this.#gather();
      return undefined;
    });
  }

  setRemoteDescription({ type, sdp }) {
    return this.#then(() => {
      const said = JSON.parse(sdp);
      const before = this.#stable.remote;
      if (before && before.pc !== said.pc) throw new Error('InvalidAccessError: another fingerprint');
      if (type === 'offer') this.#takeOffer(said, sdp);
      else this.#takeAnswer(said, sdp);
      this.network.update();
    });
  }

  restartIce() {
    this.#restart = true;
    this.#need();
  }

  setConfiguration(config) {
    this.config = config;
  }

  #offer() {
    if (this.signalingState !== 'stable') throw new Error(`InvalidStateError: offer when ${this.signalingState}`);
    this.offers += 1;
    if (this.#restart) this.ufrag = this.#newUfrag();
    for (const one of this.transceivers) {
      if (one.mid === null) {
        one.mid = String(this.#mids);
        one.pending = true;
        this.#mids += 1;
      }
    }
    this.#describe('offer');
    this.signalingState = 'have-local-offer';
    this.#needed = false;
  }

  #answer() {
    if (this.signalingState !== 'have-remote-offer') throw new Error('InvalidStateError: answer');
    this.#describe('answer', JSON.parse(this.remoteDescription.sdp).number);
    this.#settle();
  }

  #describe(type, to = null) {
    numbers += 1;
    const media = this.transceivers
      .filter((one) => one.mid !== null)
      .map((one) => ({ mid: one.mid, kind: one.receiver.track.kind, direction: one.direction }));
    const sdp = JSON.stringify({ pc: this.id, number: numbers, to, ufrag: this.ufrag, media });
    this.localDescription = { type, sdp };
  }

  #takeOffer(said, sdp) {
    if (this.signalingState !== 'stable') throw new Error(`InvalidStateError: offered when ${this.signalingState}`);
    if (this.#stable.remote && this.#stable.remote.ufrag !== said.ufrag) this.ufrag = this.#newUfrag();
    this.remoteDescription = { type: 'offer', sdp };
    this.signalingState = 'have-remote-offer';
    for (const { mid, kind, direction } of said.media) {
      let one = this.transceivers.find((known) => known.mid === mid);
      if (!one) {
        one = this.#transceiver(kind, 'recvonly');
        one.mid = mid;
        this.#mids = Math.max(this.#mids, Number(mid) + 1);
      }
      this.#track(one, direction);
    }
  }

  #takeAnswer(said, sdp) {
    if (this.signalingState !== 'have-local-offer') throw new Error('InvalidStateError: answered');
    if (said.to !== JSON.parse(this.localDescription.sdp).number) throw new Error('an answer to another offer');
    this.remoteDescription = { type: 'answer', sdp };
    for (const { mid, direction } of said.media) {
      const one = this.transceivers.find((known) => known.mid === mid);
      one.pending = false;
      this.#track(one, direction);
    }
    this.#restart = false;
    this.#settle();
  }

  #track(one, direction) {
    if (one.told || !direction.startsWith('send')) return;
    one.told = true;
    queueMicrotask(() => this.ontrack?.({ track: one.receiver.track, streams: [] }));
  }

  #settle() {
    this.signalingState = 'stable';
    this.#stable = {
      local: JSON.parse(this.localDescription.sdp),
      remote: JSON.parse(this.remoteDescription.sdp),
    };
    this.become('checking', ['connected']);
    this.#need();
    this.network.update();
  }

  #rollBack() {
    if (this.signalingState !== 'have-local-offer') throw new Error('InvalidStateError: rollback');
    this.rollbacks += 1;
    for (const one of this.transceivers) if (one.pending) Object.assign(one, { pending: false, mid: null });
    this.signalingState = 'stable';
    this.#need();
  }

  #need() {
    const needed = this.#restart || this.transceivers.some((one) => one.mid === null);
    if (!needed || this.#needed || this.signalingState !== 'stable') return;
    this.#needed = true;
    setImmediate(() => {
      if (this.signalingState === 'stable' && this.#needed) this.onnegotiationneeded?.({});
      this.#needed = false;
    });
  }

  // --- ICE ---

  addIceCandidate({ candidate, sdpMid, sdpMLineIndex }) {
    return this.#then(() => {
      if (sdpMid === null && sdpMLineIndex === null) throw new TypeError('neither mid nor index');
      if (!this.remoteDescription) throw new Error('InvalidStateError: no description');
      this.candidates.add(candidate);
      this.network.update();
    });
  }

  #gather() {
    const { ufrag } = this;
    for (const [index, one] of this.transceivers.entries()) {
      const candidate = { candidate: `candidate:${ufrag}:${index}`, sdpMid: one.mid, sdpMLineIndex: index };
      setImmediate(() => this.onicecandidate?.({ candidate }));
    }
    setImmediate(() => this.onicecandidate?.({ candidate: null }));
  }

  look() {
    const { local, remote } = this.#stable;
    const other = this.network.pcs.get(remote?.pc);
    const fits =
      !this.network.blocked &&
      remote &&
      this.signalingState !== 'closed' &&
      other?.signalingState !== 'closed' &&
      other?.ufrag === remote.ufrag &&
      this.ufrag === local.ufrag &&
      [...this.candidates].some((one) => one.startsWith(`candidate:${remote.ufrag}:`));
    if (fits && this.iceConnectionState === 'checking') this.become('connected');
  }

  become(state, unless = []) {
    const restarted = this.#stable.local?.ufrag !== this.connectedAs;
    if (unless.includes(this.iceConnectionState) && !restarted) return;
    if (state === this.iceConnectionState) return;
    if (state === 'connected') this.connectedAs = this.ufrag;
    this.iceConnectionState = state;
    this.connectionState = state === 'checking' ? 'connecting' : state;
    queueMicrotask(() => {
      this.oniceconnectionstatechange?.({});
      this.onconnectionstatechange?.({});
    });
  }

  close() {
    this.signalingState = 'closed';
    this.iceConnectionState = 'closed';
    this.connectionState = 'closed';
  }

  #newUfrag() {
    numbers += 1;
    return `u${numbers}`;
  }

  /** Operations are chained, as in a browser. */
  #then(operation) {
    const done = this.#chain.then(async () => {
      await turn();
      if (this.signalingState === 'closed') throw new Error('InvalidStateError: closed');
      return operation();
    });
    this.#chain = done.catch(() => {});
    return done;
  }
}
