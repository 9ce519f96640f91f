/**
 * The time, which tests replace.
 *
 * @typedef {object} Clock
 * @property {(callback: () => void, ms: number) => any} setTimeout
 * @property {(timer: any) => void} clearTimeout
 * @property {() => number} now Milliseconds since the epoch.
 */

/** @type {Clock} */
export const CLOCK = {
  // Called as functions: a browser's timers refuse to be methods of anything else than the window.
  setTimeout: (callback, ms) => setTimeout(callback, ms),
  clearTimeout: (timer) => clearTimeout(timer),
  now: () => Date.now(),
};
