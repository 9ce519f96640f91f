/** Pictures of messages: small ones that are got when they come into sight, and large ones. */

import { open } from './dialogs.js';
import { button, el, icon, iconButton } from './dom.js';
import { sizeText, t } from './words.js';

/** Pixels around what is seen within which pictures are got. */
const NEAR = '600px';

/** @type {WeakMap<Element, () => void>} What to do when an element comes near. */
const waiting = new WeakMap();

const nearness = new IntersectionObserver(
  (changes) => {
    for (const { isIntersecting, target } of changes) {
      if (!isIntersecting) continue;
      nearness.unobserve(target);
      waiting.get(target)?.();
    }
  },
  { rootMargin: NEAR },
);

/**
 * Return the picture of a message; it can be clicked to be seen large.
 *
 * @param {import('../assa/connection.js').Connection} connection
 * @param {any} fileInfo
 */
export function picture(connection, fileInfo) {
  const image = el('img', { alt: fileInfo.file_name, test: 'image' });
  const shown = el(
    'button',
    { type: 'button', class: 'picture', 'aria-label': `${t('picture')}: ${fileInfo.file_name}` },
    image,
  );
  const get = async () => {
    try {
      const url = await connection.fileUrl(fileInfo.file_path);
      image.addEventListener('error', () => cannotShow(shown, fileInfo, url)); // HEIC, in most browsers
      image.addEventListener('load', () => shown.classList.add('there'));
      image.src = url;
      shown.addEventListener('click', () => image.isConnected && enlarge(url, fileInfo.file_name));
    } catch {
      cannotShow(shown, fileInfo, null);
    }
  };
  waiting.set(shown, get);
  nearness.observe(shown);
  return shown;
}

/**
 * @param {HTMLElement} shown
 * @param {any} fileInfo
 * @param {string | null} url Where it can be downloaded.
 */
function cannotShow(shown, { file_name: name, file_size: size }, url) {
  const words = el(
    'span',
    {},
    el('strong', { class: 'cut', text: name }),
    el('small', { text: url ? sizeText(size) : t('pictureFailed') }),
  );
  const card = url
    ? el(
        'a',
        { class: 'file', href: url, download: name, 'aria-label': `${t('download')}: ${name}` },
        icon('download'),
        words,
      )
    : el('span', { class: 'file', test: 'image-failed' }, icon('image'), words);
  shown.replaceWith(card);
}

/**
 * @param {string} url
 * @param {string} name
 */
function enlarge(url, name) {
  const close = iconButton('close', t('close'), 'lightbox-close', () => dialog.close(), { autofocus: true });
  const load = el(
    'a',
    { class: 'icon-button', href: url, download: name, 'aria-label': t('download'), title: t('download') },
    icon('download'),
  );
  const bar = el('header', {}, el('span', { class: 'cut', text: name }), load, close);
  const dialog = el(
    'dialog',
    { class: 'lightbox', test: 'lightbox', 'aria-label': name },
    bar,
    el('img', { src: url, alt: name }),
  );
  open(dialog);
}

/** @type {WeakMap<File, string>} */
const previews = new WeakMap();

/**
 * Return what is shown of a picture on its way up.
 *
 * @param {import('./uploads.js').Upload} upload
 * @param {import('./uploads.js').Uploads} uploads
 * @param {string} why Why it has failed, if it has.
 */
export function uploadItem(upload, uploads, why) {
  const { file, part, state } = upload;
  if (!previews.has(file)) previews.set(file, URL.createObjectURL(file));
  const percent = Math.round(part * 100);
  const words =
    state === 'failed' ? t('failed', { why }) : t(state === 'waiting' ? 'uploadWaits' : 'uploading', { percent });
  const preview = el('img', { src: previews.get(file), alt: '' });
  preview.addEventListener('error', () => preview.replaceWith(icon('image')));
  return el(
    'li',
    { class: `upload ${state}`, test: state === 'failed' ? 'upload-failed' : 'upload' },
    preview,
    el(
      'div',
      { class: 'upload-words' },
      el('span', { class: 'cut', text: file.name }),
      state === 'failed' ? null : el('progress', { max: 1, value: part, 'aria-label': file.name }),
      el('small', { role: state === 'failed' ? 'alert' : null, text: words }),
    ),
    state === 'failed' && button(t('again'), () => uploads.again(upload), { test: 'upload-again' }),
    iconButton('close', state === 'failed' ? t('discard') : t('cancel'), 'upload-cancel', () =>
      forget(upload, uploads),
    ),
  );
}

/**
 * @param {import('./uploads.js').Upload} upload
 * @param {import('./uploads.js').Uploads} uploads
 */
function forget(upload, uploads) {
  URL.revokeObjectURL(previews.get(upload.file) ?? '');
  previews.delete(upload.file);
  uploads.cancel(upload);
}
