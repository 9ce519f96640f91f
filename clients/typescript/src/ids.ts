/** Return an id that nobody else has, 32 characters; `crypto.randomUUID` is there in secure contexts only. */
export function randomId(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
