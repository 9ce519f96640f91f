/** The line at the top: connection, announcements, who is logged in, the language. */

import { el, iconButton } from './dom.js';
import { t, chooseLanguage, language } from './words.js';

/**
 * @param {import('./model.js').Model} model
 * @param {{logout: () => void, again: () => void, redraw: () => void, nickname: string}} options
 */
export function bannerView(model, { logout, again, redraw, nickname }) {
  const words = el('span', { role: 'status' });
  const retry = el('button', { type: 'button', class: 'primary', test: 'connect-again', text: t('tryAgain'), hidden: true, on: { click: again } });
  const state = el('div', { class: 'connection-state', test: 'connection-state' }, el('span', { class: 'lamp', 'aria-hidden': 'true' }), words, retry);
  const announcements = el('div', { class: 'announcements' });
  const show = () => {
    const { state: now, reason } = model.connection;
    state.dataset.state = now;
    words.textContent = wordsOf(now, reason, state.dataset.attempt);
    retry.hidden = now !== 'failed' && now !== 'closed';
  };
  model.connection.addEventListener('state', (event) => {
    state.dataset.attempt = String(/** @type {CustomEvent} */ (event).detail.attempt ?? '');
    show();
  });
  model.addEventListener('announcement', (event) => announcements.append(announcement(/** @type {CustomEvent} */ (event).detail.data)));
  show();
  const bar = el(
    'div',
    { class: 'bar' },
    el('strong', { class: 'brand', text: 'ASSA' }),
    state,
    el('span', { class: 'whoami', test: 'whoami', text: nickname }),
    el('button', { type: 'button', class: 'plain', test: 'language', lang: language() === 'ko' ? 'en' : 'ko', text: t('language'), on: { click: () => switchLanguage(redraw) } }),
    iconButton('leave', t('logout'), 'logout', logout),
  );
  return el('div', { class: 'banner' }, bar, announcements);
}

/** @param {() => void} redraw */
export function switchLanguage(redraw) {
  chooseLanguage(language() === 'ko' ? 'en' : 'ko');
  redraw();
}

function wordsOf(state, reason, attempt) {
  if (state === 'closed') return t(reason === 'SESSION_REPLACED' ? 'replaced' : 'disconnected');
  if (state === 'failed' || state === 'idle') return t('disconnected');
  if (state === 'reconnecting') return t('reconnecting', { attempt: attempt || 1 });
  return t(state === 'connected' ? 'connected' : 'connecting');
}

function announcement({ title, message, priority }) {
  const item = el(
    'div',
    { class: `announcement ${priority}`, test: 'announcement', role: priority === 'high' ? 'alert' : 'status' },
    el('strong', { text: title }),
    el('span', { text: message }),
    iconButton('close', t('close'), 'announcement-close', () => item.remove()),
  );
  return item;
}
