/** How long TURN credentials are good (draft-uberti-behave-turn-rest): `username` begins with a second. */

/**
 * Return when the first of them expires, milliseconds since the epoch; null when none does.
 *
 * @param {RTCIceServer[]} iceServers
 * @returns {number | null}
 */
export function expiryOf(iceServers) {
  const seconds = iceServers.map((one) => Number(/^(\d{9,11})(:|$)/.exec(one.username ?? '')?.[1])).filter(Boolean);
  return seconds.length ? Math.min(...seconds) * 1_000 : null;
}

/** Timers take no more than 31 bits. */
const MOST_MS = 2 ** 31 - 1;
const LEAST_MS = 10_000;

/**
 * Return in how many milliseconds to ask for new ones: when a fifth of their time is left.
 *
 * @param {number} expiry
 * @param {number} now Both milliseconds since the epoch, of the server.
 */
export function refreshIn(expiry, now) {
  return Math.min(Math.max((expiry - now) * 0.8, LEAST_MS), MOST_MS);
}
