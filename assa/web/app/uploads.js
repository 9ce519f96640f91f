/** Pictures on their way up, one after the other; each becomes a message. No DOM. */

/** What the server takes (§5.2). */
export const TYPES = ['image/jpeg', 'image/png', 'image/gif', 'image/webp', 'image/heic'];
export const BYTES = 10_485_760;

/**
 * @typedef {object} Upload
 * @property {number} key
 * @property {number} roomId
 * @property {File} file
 * @property {number | null} replyTo
 * @property {number} part From 0 to 1.
 * @property {'waiting' | 'running' | 'failed'} state
 * @property {any} error
 * @property {AbortController} abort
 */

/**
 * Return why a file cannot be sent, as a key of the words, or null.
 *
 * @param {{name: string, type: string, size: number}} file
 */
export function faultOf({ name, type, size }) {
  const known = TYPES.includes(type) || (type === '' && /\.(heic|jpe?g|png|gif|webp)$/i.test(name));
  if (!known) return 'notPicture';
  if (size === 0) return 'emptyFile';
  return size > BYTES ? 'tooLarge' : null;
}

export class Uploads {
  #connection;
  #done;
  #changed;
  #keys = 0;
  /** @type {Upload[]} */
  #all = [];

  /**
   * @param {object} uses
   * @param {import('../assa/connection.js').Connection} uses.connection
   * @param {(upload: Upload, fileInfo: any) => void} uses.done
   * @param {(roomId: number) => void} uses.changed
   */
  constructor({ connection, done, changed }) {
    this.#connection = connection;
    this.#done = done;
    this.#changed = changed;
    connection.addEventListener('state', () => this.#next());
  }

  /** @param {number | null} roomId */
  of(roomId) {
    return this.#all.filter((one) => one.roomId === roomId);
  }

  /**
   * @param {number} roomId
   * @param {File} file
   * @param {number | null} replyTo
   */
  add(roomId, file, replyTo) {
    this.#keys += 1;
    const abort = new AbortController();
    this.#all.push({ key: this.#keys, roomId, file, replyTo, part: 0, state: 'waiting', error: null, abort });
    this.#changed(roomId);
    this.#next();
  }

  /** @param {Upload} upload */
  again(upload) {
    Object.assign(upload, { state: 'waiting', part: 0, error: null });
    this.#changed(upload.roomId);
    this.#next();
  }

  /** @param {Upload} upload */
  cancel(upload) {
    this.#all = this.#all.filter((one) => one !== upload);
    upload.abort.abort();
    this.#changed(upload.roomId);
    this.#next();
  }

  #next() {
    if (this.#connection.state !== 'connected' || this.#all.some((one) => one.state === 'running')) return;
    const next = this.#all.find((one) => one.state === 'waiting');
    if (next) this.#run(next);
  }

  /** @param {Upload} upload */
  async #run(upload) {
    upload.state = 'running';
    try {
      const fileInfo = await this.#connection.upload(upload.roomId, upload.file, {
        signal: upload.abort.signal,
        onProgress: (part) => {
          upload.part = part;
          this.#changed(upload.roomId);
        },
      });
      if (!this.#all.includes(upload)) return;
      this.#all = this.#all.filter((one) => one !== upload);
      this.#done(upload, fileInfo);
    } catch (error) {
      this.#failed(upload, error);
    }
    this.#changed(upload.roomId);
    this.#next();
  }

  /**
   * @param {Upload} upload
   * @param {any} error
   */
  #failed(upload, error) {
    const lost = error.code === 'DISCONNECTED' && this.#connection.state !== 'connected';
    upload.state = lost ? 'waiting' : 'failed'; // what was lost with the connection goes on with the next
    upload.error = error;
  }
}
