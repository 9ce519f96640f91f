/** One m-line for sound and one for pictures, from the first offer on: what is sent changes without another one. */

/** @typedef {{audio: MediaStreamTrack | null, video: MediaStreamTrack | null}} Tracks */

/** @type {('audio' | 'video')[]} */
const KINDS = ['audio', 'video'];

export class Lanes {
  #pc;
  #outgoing;

  /**
   * @param {RTCPeerConnection} pc
   * @param {MediaStream} outgoing What all tracks are sent as parts of; only its id matters.
   */
  constructor(pc, outgoing) {
    this.#pc = pc;
    this.#outgoing = outgoing;
  }

  /**
   * Make both, whether or not there is something to send yet.
   *
   * @param {Tracks} tracks
   */
  open(tracks) {
    for (const kind of KINDS) if (!this.#of(kind)) this.#add(kind, tracks[kind]);
  }

  /**
   * Send tracks over those that there are.
   *
   * @param {Tracks} tracks
   */
  async fill(tracks) {
    for (const kind of KINDS) {
      const lane = this.#of(kind);
      if (!lane) continue;
      if (lane.direction !== 'sendrecv') {
        lane.direction = 'sendrecv';
        lane.sender.setStreams?.(this.#outgoing);
      }
      if (lane.sender.track !== tracks[kind]) await lane.sender.replaceTrack(tracks[kind]);
    }
  }

  /**
   * Make those that tracks have none of: the other one offered less.
   *
   * @param {Tracks} tracks
   */
  complete(tracks) {
    for (const kind of KINDS) if (tracks[kind] && !this.#of(kind)) this.#add(kind, tracks[kind]);
  }

  /** @param {'audio' | 'video'} kind */
  #of(kind) {
    return this.#pc.getTransceivers().find((one) => one.receiver.track.kind === kind && one.direction !== 'stopped');
  }

  /**
   * @param {'audio' | 'video'} kind
   * @param {MediaStreamTrack | null} track
   */
  #add(kind, track) {
    this.#pc.addTransceiver(track ?? kind, { direction: 'sendrecv', streams: [this.#outgoing] });
  }
}
