/** Files of messages: one PUT up, and blob URLs down (v1.1, REQUEST_UPLOAD). */

import { AssaError } from './errors.js';

const TYPES = new Map([
  ['jpg', 'image/jpeg'],
  ['jpeg', 'image/jpeg'],
  ['png', 'image/png'],
  ['gif', 'image/gif'],
  ['webp', 'image/webp'],
  ['heic', 'image/heic'],
]);

/** Pictures that are kept at hand; one that is shown already stays visible when its URL is given up. */
const KEPT = 200;

/**
 * @typedef {object} FileInfo What SEND_MESSAGE of an image names (§5).
 * @property {string} file_path
 * @property {string} file_name
 * @property {number} file_size
 * @property {string} mime_type
 */

export class Files {
  #base;
  #request;
  #token;
  #fetch;
  #Xhr;
  /** @type {Map<string, Promise<string>>} The one used last is last. */
  #urls = new Map();

  /**
   * @param {object} uses
   * @param {string} uses.base The `http(s):` URL of the server.
   * @param {(action: string, data: any) => Promise<any>} uses.request
   * @param {(fresh: boolean) => Promise<string>} uses.token The JWT in use, or a fresh one.
   * @param {typeof globalThis.fetch} uses.fetch
   * @param {typeof globalThis.XMLHttpRequest} [uses.XMLHttpRequest] Tells the progress, which fetch does not.
   */
  constructor({ base, request, token, fetch, XMLHttpRequest }) {
    this.#base = base;
    this.#request = request;
    this.#token = token;
    this.#fetch = fetch;
    this.#Xhr = XMLHttpRequest;
  }

  /**
   * @param {number | null} roomId Null: the user's own profile image.
   * @param {Blob & {name?: string}} file
   * @param {{signal?: AbortSignal, onProgress?: (part: number) => void}} [options]
   * @returns {Promise<FileInfo>}
   */
  async upload(roomId, file, { signal, onProgress } = {}) {
    signal?.throwIfAborted();
    const name = file.name || 'image';
    const type = typeOf(file, name);
    const info = { file_name: name, file_size: file.size, mime_type: type };
    const { upload_url: url, file_path: path } = await this.#request('REQUEST_UPLOAD', { room_id: roomId, ...info });
    signal?.throwIfAborted();
    const target = new URL(url, this.#base).href;
    const put = this.#Xhr ? this.#putWithProgress : this.#put;
    const { status, text } = await put.call(this, target, file, type, signal, onProgress);
    if (status !== 201) throw refusal(status, text);
    return { file_path: path, ...info };
  }

  /**
   * @param {string} path
   * @returns {Promise<string>}
   */
  url(path) {
    const known = this.#urls.get(path) ?? this.#get(path);
    this.#urls.delete(path);
    this.#urls.set(path, known);
    known.catch(() => this.#urls.get(path) === known && this.#urls.delete(path));
    for (const [oldest] of this.#urls) {
      if (this.#urls.size <= KEPT) break;
      this.#release(oldest);
    }
    return known;
  }

  /** Give up all blob URLs. */
  clear() {
    for (const path of [...this.#urls.keys()]) this.#release(path);
  }

  /** @param {string} path */
  #release(path) {
    this.#urls.get(path)?.then(URL.revokeObjectURL, () => {});
    this.#urls.delete(path);
  }

  /** @param {string} path */
  async #get(path) {
    const url = new URL(path, this.#base);
    // The token is for the server alone, whatever a message says where its picture is.
    if (url.origin !== new URL(this.#base).origin) throw new AssaError('PERMISSION_DENIED', `not a path: ${path}`);
    let response = await this.#ask(url.href, false);
    if (response.status === 401) response = await this.#ask(url.href, true);
    if (!response.ok) throw refusal(response.status, await response.text());
    return URL.createObjectURL(await response.blob());
  }

  /**
   * @param {string} url
   * @param {boolean} fresh
   */
  async #ask(url, fresh) {
    const headers = { Authorization: `Bearer ${await this.#token(fresh)}` };
    return this.#fetch(url, { headers, redirect: 'error' }).catch((error) => {
      throw AssaError.from(error);
    });
  }

  /**
   * @param {string} url
   * @param {Blob} body
   * @param {string} type
   * @param {AbortSignal} [signal]
   * @returns {Promise<{status: number, text: string}>}
   */
  async #put(url, body, type, signal) {
    try {
      const response = await this.#fetch(url, { method: 'PUT', body, headers: { 'Content-Type': type }, signal });
      return { status: response.status, text: await response.text() };
    } catch (error) {
      throw signal?.aborted ? signal.reason : AssaError.from(error);
    }
  }

  /**
   * @param {string} url
   * @param {Blob} body
   * @param {string} type
   * @param {AbortSignal} [signal]
   * @param {(part: number) => void} [onProgress]
   * @returns {Promise<{status: number, text: string}>}
   */
  #putWithProgress(url, body, type, signal, onProgress) {
    return new Promise((resolve, reject) => {
      const request = new (/** @type {any} */ (this.#Xhr))();
      const abort = () => request.abort();
      request.open('PUT', url);
      request.setRequestHeader('Content-Type', type);
      request.upload.onprogress = (/** @type {any} */ event) => onProgress?.(event.loaded / (event.total || 1));
      request.onload = () => resolve({ status: request.status, text: request.responseText });
      request.onerror = () => reject(new AssaError('DISCONNECTED', 'the upload was cut off'));
      request.onabort = () => reject(signal?.reason);
      request.onloadend = () => signal?.removeEventListener('abort', abort);
      signal?.addEventListener('abort', abort);
      request.send(body);
    });
  }
}

/**
 * Return what a file is, going by its name where the system does not know.
 *
 * @param {Blob} file
 * @param {string} name
 */
function typeOf(file, name) {
  return file.type || TYPES.get(name.split('.').pop()?.toLowerCase() ?? '') || 'application/octet-stream';
}

/**
 * @param {number} status
 * @param {string} text
 */
function refusal(status, text) {
  try {
    const { error_code: code, message, error_details: details } = JSON.parse(text);
    return new AssaError(code ?? 'FILE_UPLOAD_FAILED', message, { details });
  } catch {
    return new AssaError('FILE_UPLOAD_FAILED', `HTTP ${status}`);
  }
}
