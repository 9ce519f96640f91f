/** Camera, microphone and screen. No DOM but the devices. */

/** @typedef {{audio: boolean, video: boolean}} Wanted */

/** The picture of a mesh is sent to each of the others: a small one will do. */
const PICTURE = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 24, max: 30 } };

/**
 * Open the devices that are wanted; none: an empty stream.
 *
 * @param {Wanted} wanted
 * @returns {Promise<MediaStream>}
 */
export async function openMedia({ audio, video }) {
  if (!audio && !video) return new MediaStream();
  return devices().getUserMedia({ audio, video: video && PICTURE });
}

/** @returns {Promise<MediaStream>} */
export async function openScreen() {
  return devices().getDisplayMedia({ video: true });
}

/** Whether this browser can share a screen: phones cannot. */
export function canShare() {
  return Boolean(navigator.mediaDevices?.getDisplayMedia);
}

function devices() {
  if (navigator.mediaDevices) return navigator.mediaDevices;
  throw Object.assign(new Error('not a secure context'), { name: 'InsecureError' });
}

/**
 * Return what a stream has.
 *
 * @param {MediaStream} stream
 * @returns {Wanted}
 */
export function kindsOf(stream) {
  return { audio: stream.getAudioTracks().length > 0, video: stream.getVideoTracks().length > 0 };
}
