/** Tells why there is no camera or microphone, and asks what to do without them. */

import { open } from './dialogs.js';
import { button, el } from './dom.js';
import { faultText, t } from './words.js';

/**
 * @param {Error} error Of getUserMedia.
 * @returns {Promise<import('./media.js').Wanted | null>} Which devices to try; null: none, and no call.
 */
export function askMedia(error) {
  return new Promise((resolve) => {
    let chosen = /** @type {import('./media.js').Wanted | null} */ (null);
    const choose = (/** @type {import('./media.js').Wanted} */ wanted) => () => {
      chosen = wanted;
      dialog.close();
    };
    const ways = el(
      'div',
      { class: 'ways' },
      button(t('retryMedia'), choose({ audio: true, video: true }), { class: 'primary', test: 'media-again' }),
      button(t('withoutCamera'), choose({ audio: true, video: false }), { test: 'media-audio' }),
      button(t('onlyWatch'), choose({ audio: false, video: false }), { test: 'media-none' }),
      button(t('cancel'), () => dialog.close(), { test: 'media-cancel' }),
    );
    const title = t('noMediaTitle');
    const words = [el('h2', { text: title }), el('p', { text: faultText(error) })];
    const dialog = el('dialog', { 'aria-label': title, test: 'media-problem' }, ...words, ways);
    dialog.addEventListener('close', () => resolve(chosen));
    open(dialog);
  });
}
