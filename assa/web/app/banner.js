/** What is at the top when there is something to tell: no connection, announcements of the server. */

import { button, el, icon, iconButton } from './dom.js';
import { faultText, t } from './words.js';

/** An announcement that is of no great importance goes away by itself. */
const LOW_MS = 20_000;

/** So many announcements are shown, the newest. */
const SHOWN = 5;

/** Reasons that only another login mends. */
const LOGIN = new Set(['INVALID_TOKEN', 'AUTH_FAILED', 'PERMISSION_DENIED']);

/**
 * @param {import('./model.js').Model} model
 * @param {{again: () => void, loginAgain: () => void}} options
 */
export function bannerView(model, options) {
  return el('div', { class: 'banner' }, stateView(model.connection, options), announcementsView(model));
}

/**
 * @param {import('../assa/connection.js').Connection} connection
 * @param {{again: () => void, loginAgain: () => void}} options
 */
function stateView(connection, { again, loginAgain }) {
  const words = el('span', { role: 'status', class: 'cut' });
  const retry = button(t('tryAgain'), again, { class: 'primary', test: 'connect-again' });
  const login = button(t('loginAgain'), loginAgain, { class: 'primary', test: 'login-again' });
  const lamp = el('span', { class: 'lamp', 'aria-hidden': 'true' });
  const shown = el('div', { class: 'connection-state', test: 'connection-state' }, lamp, words, retry, login);
  const show = (attempt = 1) => {
    const { state, reason } = connection;
    const over = state === 'failed' || state === 'closed';
    shown.dataset.state = state;
    words.textContent = textOf(state, reason, attempt || 1);
    login.hidden = !over || !LOGIN.has(reason);
    retry.hidden = !over || LOGIN.has(reason);
    retry.textContent = t(reason === 'SESSION_REPLACED' ? 'useHere' : 'tryAgain');
  };
  connection.addEventListener('state', (event) => show(/** @type {CustomEvent} */ (event).detail.attempt));
  show();
  return shown;
}

/** @param {import('./model.js').Model} model */
function announcementsView(model) {
  const shown = el('div', { class: 'announcements' });
  model.addEventListener('announcement', (event) => {
    shown.prepend(announcement(/** @type {CustomEvent} */ (event).detail.data));
    while (shown.children.length > SHOWN) shown.lastElementChild?.remove();
  });
  model.connection.addEventListener('state', () => {
    // That the server goes away is over when it is back.
    const back = model.connection.state === 'connected';
    if (back) for (const one of shown.querySelectorAll('[data-type=shutdown]')) one.remove();
  });
  return shown;
}

/**
 * @param {string} state
 * @param {string} reason
 * @param {number} attempt
 */
function textOf(state, reason, attempt) {
  if (state === 'connected' || state === 'connecting') return t(state);
  if (state === 'reconnecting') return t('reconnecting', { attempt });
  if (reason === 'SESSION_REPLACED') return t('replaced');
  const known = /^[A-Z_]+$/.test(reason) && reason !== 'DISCONNECTED'; // else it is for developers
  return known ? t('disconnectedWhy', { why: faultText({ code: reason, message: reason }) }) : t('disconnected');
}

/** @param {{title: string, message: string, priority: string, announcement_type: string}} told */
function announcement({ title, message, priority, announcement_type: type }) {
  const close = iconButton('close', t('close'), 'announcement-close', () => item.remove());
  const item = el(
    'div',
    {
      class: `announcement ${priority}`,
      test: 'announcement',
      data: { priority, type },
      role: priority === 'high' ? 'alert' : 'status',
    },
    icon(priority === 'high' ? 'warning' : 'bell'),
    el('p', {}, el('strong', { text: title }), ' ', el('span', { text: message })),
    close,
  );
  if (priority === 'low') setTimeout(() => item.remove(), LOW_MS);
  return item;
}
