/** Logging in: with a token, or on a development server as anybody. */

import { AssaError } from '../assa/assa.js';
import { el, field } from './dom.js';
import { languageButton } from './rooms.js';
import { t } from './words.js';

/** Where the way to log in is kept as long as the tab is open. */
const KEPT = 'assa.login';

/**
 * @typedef {object} Login
 * @property {string} [token] Pasted.
 * @property {number} [userId] Of a development server.
 * @property {string} [nickname]
 */

/** @returns {Login | null} */
export function keptLogin() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT) ?? 'null');
  } catch {
    return null;
  }
}

/** @param {Login | null} login */
export function keepLogin(login) {
  if (login) sessionStorage.setItem(KEPT, JSON.stringify(login));
  else sessionStorage.removeItem(KEPT);
}

/**
 * Return what gets a token: asked for at each CONNECT, so that one that has run out is followed by another.
 *
 * @param {Login} login
 * @returns {string | (() => Promise<string>)}
 */
export function tokenOf({ token, userId, nickname }) {
  if (token) return token;
  return async () => {
    const asked = { user_id: userId, nickname: nickname || null };
    const headers = { 'Content-Type': 'application/json' };
    const answer = await fetch('/dev/token', { method: 'POST', headers, body: JSON.stringify(asked) });
    const { token: made, error } = await answer.json();
    if (!answer.ok) throw new AssaError('LOGIN_REFUSED', error);
    return made;
  };
}

/**
 * Return the name of whoever logs in, as far as it can be known here.
 *
 * @param {Login} login
 * @returns {string}
 */
export function nameOf({ token, nickname }) {
  if (nickname || !token) return nickname ?? '';
  try {
    const payload = token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/');
    const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
    const named = JSON.parse(new TextDecoder().decode(bytes)).nickname;
    return typeof named === 'string' ? named : '';
  } catch {
    return ''; // the server will say what is wrong with it
  }
}

/**
 * @param {{development: boolean, problem?: string, enter: (login: Login) => void, switchLanguage: () => void}} options
 */
export function loginView({ development, problem = '', enter, switchLanguage }) {
  const logo = el('img', { src: 'app/icon.svg', alt: '', width: 44, height: 44 });
  const forms = [tokenForm(enter, !development)];
  if (development) forms.unshift(developmentForm(enter), el('p', { class: 'faint or', text: t('orToken') }));
  return el(
    'main',
    { class: 'login' },
    el(
      'div',
      { class: 'card' },
      el('header', {}, logo, el('h1', { text: t('title') }), languageButton(switchLanguage)),
      el('p', { class: 'faint', text: t('slogan') }),
      el('p', { class: 'problem', role: 'alert', test: 'login-problem', text: problem }),
      ...forms,
    ),
  );
}

function developmentForm(enter) {
  const user = field(t('userId'), {
    name: 'user',
    test: 'login-user',
    required: true,
    inputmode: 'numeric',
    pattern: '[1-9][0-9]*',
    autofocus: true,
  });
  const nickname = field(t('nickname'), {
    name: 'nickname',
    test: 'login-nickname',
    maxlength: 100,
    autocomplete: 'nickname',
  });
  const go = el('button', { type: 'submit', class: 'primary', test: 'login-go', text: t('enter') });
  const form = el('form', {}, el('p', { class: 'faint', text: t('developmentHint') }), user, nickname, go);
  form.addEventListener('submit', (/** @type {Event} */ event) => {
    event.preventDefault();
    enter({ userId: Number(form.elements.user.value), nickname: form.elements.nickname.value.trim() });
  });
  return form;
}

function tokenForm(enter, first) {
  const token = field(t('token'), {
    name: 'token',
    test: 'login-token',
    required: true,
    autocomplete: 'off',
    spellcheck: 'false',
    autofocus: first,
  });
  const go = el('button', {
    type: 'submit',
    class: first ? 'primary' : 'plain',
    test: 'login-token-go',
    text: t('enter'),
  });
  const form = el('form', {}, el('p', { class: 'faint', text: t('tokenHint') }), token, go);
  form.addEventListener('submit', (/** @type {Event} */ event) => {
    event.preventDefault();
    enter({ token: form.elements.token.value.trim() });
  });
  return form;
}
