/** What a participant sends: microphone, camera or screen, each on or off. */

export class Media {
  /** @type {MediaStream | null} */
  stream = null;
  /** @type {MediaStream | null} */
  screen = null;

  /** @param {{audio?: boolean, video?: boolean}} [on] */
  constructor({ audio = true, video = true } = {}) {
    this.audio = audio;
    this.video = video;
  }

  /** The tracks as they are sent: the screen takes the place of the camera. */
  get tracks() {
    const video = this.screen ?? this.stream;
    return { audio: this.stream?.getAudioTracks()[0] ?? null, video: video?.getVideoTracks()[0] ?? null };
  }

  /** What the others are told (§7.5): a screen is seen also when the camera is off. */
  get status() {
    return { audio_enabled: this.audio, video_enabled: this.video || this.screen !== null };
  }

  /** Let the tracks follow the switches. */
  apply() {
    for (const track of this.stream?.getAudioTracks() ?? []) track.enabled = this.audio;
    for (const track of this.stream?.getVideoTracks() ?? []) track.enabled = this.video;
  }
}
