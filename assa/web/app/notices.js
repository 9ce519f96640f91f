/** Words that go away by themselves. */

import { el } from './dom.js';
import { faultText, t } from './words.js';

const SHOWN_MS = 6_000;

/**
 * Say something.
 *
 * @param {string} text
 * @param {'' | 'bad'} [tone]
 */
export function notice(text, tone = '') {
  const shown = el('p', { class: `notice ${tone}`, role: tone ? 'alert' : 'status', test: 'notice', text });
  shelf().append(shown);
  setTimeout(() => shown.remove(), SHOWN_MS);
}

/**
 * Say what went wrong.
 *
 * @param {any} error
 */
export function complain(error) {
  console.debug('assa:', error);
  notice(t('wrong', { why: faultText(error) }), 'bad');
}

/** Where they are: in the dialog that is open, which nothing else can be seen over. */
function shelf() {
  const parent = document.querySelector('dialog[open]') ?? document.body;
  const there = [...parent.children].find((one) => one.classList.contains('notices'));
  const made = there ?? el('div', { class: 'notices' });
  if (!there) parent.append(made);
  return made;
}
