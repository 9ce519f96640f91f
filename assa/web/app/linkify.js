/** Addresses in a text, without DOM. */

const ADDRESS = /https?:\/\/[^\s<>"']+/gi;
const TRAILING = /[.,;:!?)\]}'"»”]+$/;

/**
 * Cut a text into pieces; those that are web addresses have an `href`.
 *
 * @param {string} text
 * @returns {{text: string, href?: string}[]}
 */
export function linkify(text) {
  const pieces = [];
  let done = 0;
  for (const found of text.matchAll(ADDRESS)) {
    const address = found[0].replace(TRAILING, '');
    const href = hrefOf(address);
    if (!href) continue;
    if (found.index > done) pieces.push({ text: text.slice(done, found.index) });
    pieces.push({ text: address, href });
    done = found.index + address.length;
  }
  if (done < text.length) pieces.push({ text: text.slice(done) });
  return pieces;
}

/** @param {string} address */
function hrefOf(address) {
  try {
    const { protocol, hostname, href } = new URL(address);
    return hostname && (protocol === 'http:' || protocol === 'https:') ? href : null;
  } catch {
    return null;
  }
}
