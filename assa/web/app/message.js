/** One message as it is shown. */

import { el, icon } from './dom.js';
import { picture } from './images.js';
import { linkify } from './linkify.js';
import { t, language } from './words.js';

/**
 * @typedef {object} Uses
 * @property {import('./model.js').Model} model
 * @property {any} room
 * @property {(message: any) => void} reply
 */

/**
 * @param {import('./timeline.js').Entry} entry
 * @param {boolean} goesOn Its author stands above already.
 * @param {Uses} uses
 */
export function messageItem(entry, goesOn, uses) {
  const { message } = entry;
  const own = message.user.user_id === uses.model.userId;
  const test = message.message_id === null ? 'message-waiting' : `message-${message.message_id}`;
  return el(
    'li',
    { class: `message ${own ? 'own' : ''} ${goesOn ? 'goes-on' : ''} ${entry.state}`, test, data: { state: entry.state } },
    own || goesOn ? null : el('span', { class: 'author', text: message.user.nickname }),
    el('div', { class: 'bubble' }, quote(message, uses), body(message, uses)),
    foot(entry, own, uses),
  );
}

function body(message, { model }) {
  const text = el('p', { class: 'text' });
  for (const { text: piece, href } of linkify(message.content)) {
    text.append(href ? el('a', { href, target: '_blank', rel: 'noopener noreferrer', text: piece }) : piece);
  }
  if (message.message_type !== 'image' || !message.file_info) return text;
  return el('div', {}, picture(model.connection, message.file_info), message.content ? text : null);
}

function quote(message, { model, room }) {
  const id = message.reply_to_message_id;
  if (!id) return null;
  const quoted = room.entries.find((one) => one.message?.message_id === id)?.message;
  const words = quoted ? quoted.content || t('picture') : `#${id}`;
  const name = quoted?.user.user_id === model.userId ? t('me') : quoted?.user.nickname;
  const show = () => {
    const item = document.querySelector(`[data-test="message-${id}"]`);
    item?.scrollIntoView({ block: 'center' });
    item?.animate([{ opacity: 0.3 }, { opacity: 1 }], 600);
  };
  const text = name ? `${name}: ${words}` : words;
  return el('button', { type: 'button', class: 'quote', test: 'message-quote', text, on: { click: show } });
}

function foot(entry, own, uses) {
  const { message, state, at } = entry;
  const time = new Date(at).toLocaleTimeString(language(), { hour: '2-digit', minute: '2-digit' });
  const parts = [el('time', { datetime: new Date(at).toISOString(), text: time })];
  if (state === 'sent') {
    const readers = uses.room.receipts.get(message.message_id)?.size ?? 0;
    if (own && readers > 0) parts.push(el('span', { class: 'read', test: 'read-by', text: t('readBy', { count: readers }) }));
    const label = t('reply');
    parts.push(
      el('button', { type: 'button', class: 'icon-button small', test: 'message-reply', 'aria-label': label, title: label, on: { click: () => uses.reply(message) } }, icon('reply')),
    );
  } else if (state === 'queued') {
    const waits = uses.model.connection.state !== 'connected';
    parts.push(el('span', { text: t(waits ? 'waiting' : 'queued') }));
  } else {
    parts.push(...failed(entry, uses.model));
  }
  return el('div', { class: 'foot faint' }, ...parts);
}

function failed(entry, model) {
  const button = (text, clicked) => el('button', { type: 'button', class: 'plain', text, on: { click: clicked } });
  return [
    el('span', { class: 'problem', role: 'alert', text: t('failed', { why: entry.error?.message ?? '' }) }),
    button(t('again'), () => model.again(entry)),
    button(t('discard'), () => model.discard(entry)),
  ];
}

/** @param {import('./timeline.js').Entry} entry */
export function noteItem(entry) {
  const { text, name } = /** @type {any} */ (entry);
  return el('li', { class: 'note faint', text: t(text, { name }) });
}

/** @param {number} at */
export function dayItem(at) {
  const day = new Date(at);
  const now = new Date();
  const days = Math.round((new Date(now.toDateString()).getTime() - new Date(day.toDateString()).getTime()) / 86_400_000);
  const date = day.toLocaleDateString(language(), { year: 'numeric', month: 'long', day: 'numeric', weekday: 'long' });
  const text = days === 0 ? t('today') : days === 1 ? t('yesterday') : date;
  return el('li', { class: 'day faint' }, el('time', { datetime: day.toISOString(), text }));
}
