/** How tiles fill a stage. No DOM. */

/** Of a camera's picture. */
const ASPECT = 4 / 3;

/** As much of a picture may be cut off to fill its tile. */
const CUT = 0.45;

/** A wider picture than a camera's may be a screen, with words at its edges. */
const WIDE = 1.5;
const CUT_WIDE = 0.15;

/**
 * Return in how many columns so many tiles are largest.
 *
 * @param {number} count
 * @param {number} width
 * @param {number} height
 */
export function columnsFor(count, width, height) {
  let best = 1;
  let largest = 0;
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const size = Math.min(width / columns, (height / rows) * ASPECT);
    if (size > largest * 1.01) [best, largest] = [columns, size];
  }
  return best;
}

/**
 * Return whether a picture is to fill its tile, or to be shown whole.
 *
 * @param {number} picture Width by height.
 * @param {number} tile Width by height.
 * @returns {'cover' | 'contain'}
 */
export function fitOf(picture, tile) {
  if (!(picture > 0) || !(tile > 0)) return 'cover';
  const seen = Math.min(picture / tile, tile / picture);
  return 1 - seen > (picture > WIDE ? CUT_WIDE : CUT) ? 'contain' : 'cover';
}

/**
 * Return a span of time as a clock shows it.
 *
 * @param {number} ms
 */
export function clockText(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  const two = (/** @type {number} */ number) => String(number).padStart(2, '0');
  const hours = Math.floor(seconds / 3_600);
  const minutes = Math.floor(seconds / 60) % 60;
  return `${hours ? `${hours}:${two(minutes)}` : minutes}:${two(seconds % 60)}`;
}
