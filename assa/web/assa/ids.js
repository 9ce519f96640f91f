/** Ids that nobody else has. */

/** Return one of 32 characters; `crypto.randomUUID` is there in secure contexts only. */
export function randomId() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
