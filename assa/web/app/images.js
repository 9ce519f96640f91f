/** Pictures: how one is shown in a message, large, and on its way up. */

import { el } from './dom.js';
import { t } from './words.js';

const TYPES = new Set(['image/jpeg', 'image/png', 'image/gif', 'image/webp', 'image/heic']);
const BYTES = 10_485_760;

/**
 * Return the pictures among files, as they were dropped, pasted or chosen.
 *
 * @param {Iterable<File>} files
 */
export function picturesOf(files) {
  return [...files].filter((file) => TYPES.has(file.type) && file.size <= BYTES && file.size > 0);
}

/**
 * Return the picture of a message; it can be clicked to be seen large.
 *
 * @param {import('../assa/connection.js').Connection} connection
 * @param {any} fileInfo
 */
export function picture(connection, fileInfo) {
  const image = el('img', { alt: fileInfo.file_name, test: 'image' });
  const button = el('button', { type: 'button', class: 'picture', 'aria-label': fileInfo.file_name }, image);
  connection.fileUrl(fileInfo.file_path).then(
    (url) => {
      image.src = url;
      button.addEventListener('click', () => enlarge(url, fileInfo.file_name));
    },
    () => button.replaceChildren(el('span', { class: 'faint', text: `${t('pictureFailed')}: ${fileInfo.file_name}` })),
  );
  return button;
}

function enlarge(url, name) {
  const close = el('button', { type: 'button', class: 'plain', text: t('close') });
  const dialog = el('dialog', { class: 'lightbox', 'aria-label': name }, el('img', { src: url, alt: name }), close);
  close.addEventListener('click', () => dialog.close());
  dialog.addEventListener('click', (/** @type {Event} */ event) => event.target === dialog && dialog.close());
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/**
 * Upload a picture and send it; what becomes of it is shown until it is done or put away.
 *
 * @param {import('./model.js').Model} model
 * @param {File} file
 * @param {HTMLElement} shelf Where it is shown.
 * @param {number | null} replyTo
 */
export async function sendPicture(model, file, shelf, replyTo) {
  const roomId = model.currentId;
  const abort = new AbortController();
  const words = el('span', { role: 'status', text: t('uploading', { percent: 0 }) });
  const bar = el('progress', { max: 1, value: 0 });
  const away = el('button', { type: 'button', class: 'plain', text: t('cancel') });
  const item = el('div', { class: 'upload', test: 'upload' }, el('span', { text: file.name }), bar, words, away);
  away.addEventListener('click', () => (abort.abort(), item.remove()));
  shelf.append(item);
  const onProgress = (/** @type {number} */ part) => {
    bar.value = part;
    words.textContent = t('uploading', { percent: Math.round(part * 100) });
  };
  try {
    const fileInfo = await model.connection.upload(roomId, file, { signal: abort.signal, onProgress });
    item.remove();
    model.send('', { replyTo, fileInfo }, roomId);
  } catch (error) {
    if (abort.signal.aborted) return;
    item.classList.add('failed');
    item.dataset.test = 'upload-failed';
    bar.remove();
    words.textContent = t('failed', { why: `${error.message}${error.details ? ` (${error.details})` : ''}` });
    away.textContent = t('discard');
  }
}
