/** The language of the page; the texts are in texts.js. */

import { ERRORS, MEDIA_ERRORS, TEXTS } from './texts.js';

const KEPT = 'assa.language';

let place = 0;

/**
 * Choose the language: the one chosen before in this browser, else the browser's own.
 *
 * @param {string | null} [chosen]
 */
export function chooseLanguage(chosen = null) {
  const wanted = chosen ?? kept() ?? navigator.language;
  place = wanted.startsWith('ko') ? 0 : 1;
  if (chosen) keep(chosen);
  document.documentElement.lang = language();
  document.title = t('title');
}

function kept() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null; // forbidden: the browser's own
  }
}

/** @param {string} chosen */
function keep(chosen) {
  try {
    localStorage.setItem(KEPT, chosen);
  } catch {
    // Forbidden: it is chosen for this page only.
  }
}

/** The language, as in the `lang` attribute. */
export function language() {
  return place === 0 ? 'ko' : 'en';
}

/**
 * @param {keyof typeof TEXTS} key
 * @param {Record<string, string | number>} [values]
 * @returns {string}
 */
export function t(key, values = {}) {
  return TEXTS[key][place].replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/**
 * Say what went wrong, for people.
 *
 * @param {any} error
 * @returns {string}
 */
export function faultText(error) {
  return ERRORS[error?.code]?.[place] ?? MEDIA_ERRORS[error?.name]?.[place] ?? error?.message ?? String(error);
}

/** @param {number} at Milliseconds since the epoch. */
export function timeText(at) {
  return new Date(at).toLocaleTimeString(language(), { hour: 'numeric', minute: '2-digit' });
}

/** @param {number} at */
export function dateText(at) {
  return new Date(at).toLocaleDateString(language(), {
    year: 'numeric',
    month: 'long',
    day: 'numeric',
    weekday: 'long',
  });
}

/** @param {number} at */
export function shortDateText(at) {
  return new Date(at).toLocaleDateString(language(), { month: 'short', day: 'numeric' });
}

/** @param {number} bytes */
export function sizeText(bytes) {
  return bytes < 1_000_000 ? `${Math.ceil(bytes / 1_000)} KB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
