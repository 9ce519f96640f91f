/** One message as it is shown. */

import { avatar, button, el, icon, iconButton } from './dom.js';
import { picture } from './images.js';
import { linkify } from './linkify.js';
import { daysAgo } from './timeline.js';
import { dateText, faultText, t, timeText } from './words.js';

/**
 * @typedef {object} Uses
 * @property {import('./model.js').Model} model
 * @property {import('./room.js').Room} room
 * @property {(message: any) => void} reply
 * @property {(messageId: number) => void} jump
 *
 * @typedef {import('./timeline.js').Arranged & {repeats: boolean}} Shown Whether the next one says the same of its
 *   readers.
 */

/**
 * @param {Shown} shown
 * @param {Uses} uses
 */
export function messageItem({ entry, goesOn, ends, repeats }, uses) {
  const { message, state } = entry;
  const own = message.user.user_id === uses.model.userId;
  const test = message.message_id === null ? 'message-waiting' : `message-${message.message_id}`;
  const classes = ['message', own ? 'own' : 'other', goesOn ? 'goes-on' : 'begins', ends ? 'ends' : '', state];
  const { nickname, user_id: userId } = message.user;
  return el(
    'li',
    { class: classes.join(' '), test, tabindex: -1, data: { state } },
    !own && !goesOn && face(message.user, uses.model.connection),
    el(
      'div',
      { class: 'stack' },
      !own && !goesOn && el('span', { class: 'author', text: nickname || `#${userId}` }),
      el(
        'div',
        { class: 'line' },
        el('div', { class: 'bubble' }, quote(message, uses), body(message, uses)),
        meta(entry, own && !repeats, uses),
      ),
      state === 'failed' && trouble(entry, uses.model),
    ),
  );
}

/**
 * @param {any} user
 * @param {import('../assa/connection.js').Connection} connection
 */
function face({ nickname, user_id: userId, profile_image: path }, connection) {
  const shown = avatar(nickname || '?', userId, 'person');
  if (path?.startsWith('/')) {
    connection.fileUrl(path).then(
      (url) => shown.replaceChildren(el('img', { src: url, alt: '' })),
      () => {},
    ); // the letter stays
  }
  return shown;
}

/**
 * @param {any} message
 * @param {Uses} uses
 */
function body(message, { model }) {
  const text = el('p', { class: 'text' });
  for (const { text: piece, href } of linkify(message.content)) {
    text.append(href ? el('a', { href, target: '_blank', rel: 'noopener noreferrer', text: piece }) : piece);
  }
  if (message.message_type !== 'image' || !message.file_info) return text;
  return el(
    'div',
    { class: 'with-picture' },
    picture(model.connection, message.file_info),
    message.content ? text : null,
  );
}

/**
 * @param {any} message
 * @param {Uses} uses
 */
function quote(message, { model, room, jump }) {
  const id = message.reply_to_message_id;
  if (!id) return null;
  const name = el('strong', { class: 'cut' });
  const words = el('span', { class: 'cut', text: t('loadingQuote') });
  const shown = el(
    'button',
    { type: 'button', class: 'quote', test: 'message-quote', tabindex: -1, on: { click: () => jump(id) } },
    name,
    words,
  );
  const fill = (/** @type {any} */ quoted) => {
    name.textContent = quoted ? authorOf(quoted, model, room) : '';
    words.textContent = quoted ? summaryOf(quoted) : t('quoteGone');
  };
  const there = room.find(id);
  if (there) fill(there.message);
  else model.history.quoted(room, id).then(fill, () => fill(null));
  return shown;
}

/**
 * @param {any} message
 * @param {import('./model.js').Model} model
 * @param {import('./room.js').Room} room
 */
export function authorOf({ user }, model, room) {
  return user.user_id === model.userId
    ? t('me')
    : user.nickname || (room.names.get(user.user_id) ?? `#${user.user_id}`);
}

/** @param {any} message */
export function summaryOf({ content, message_type: type }) {
  return type === 'image' ? content || t('picture') : content;
}

/**
 * @param {import('./timeline.js').Entry} entry
 * @param {boolean} tells Whether it tells who has read it.
 * @param {Uses} uses
 */
function meta({ message, state = 'queued', at }, tells, uses) {
  const time = el('time', { datetime: new Date(at).toISOString(), text: timeText(at) });
  if (state !== 'sent') return el('div', { class: 'meta' }, mark(state, uses.model));
  const reply = iconButton('reply', t('reply'), 'message-reply', () => uses.reply(message), {
    class: 'icon-button reply',
    tabindex: -1,
  });
  const read = tells && readers(uses.room.receipts.of(message.message_id), uses);
  return el('div', { class: 'meta' }, reply, el('div', { class: 'when' }, read, time));
}

/**
 * @param {string} state
 * @param {import('./model.js').Model} model
 */
function mark(state, model) {
  const words =
    state === 'failed' ? t('failed', { why: '' }) : t(model.connection.state === 'connected' ? 'queued' : 'waiting');
  return el(
    'span',
    { class: 'mark', role: 'img', title: words, 'aria-label': words },
    icon(state === 'failed' ? 'warning' : 'clock'),
  );
}

/**
 * @param {number[]} userIds
 * @param {Uses} uses
 */
function readers(userIds, { room }) {
  if (userIds.length === 0)
    return el('span', { class: 'sent-mark', role: 'img', 'aria-label': t('sent'), title: t('sent') }, icon('check'));
  const names = userIds.map((id) => room.names.get(id) ?? `#${id}`).join(', ');
  return el('span', {
    class: 'read',
    test: 'read-by',
    title: t('readByNames', { names }),
    text: t('readBy', { count: userIds.length }),
  });
}

/**
 * @param {import('./timeline.js').Entry} entry
 * @param {import('./model.js').Model} model
 */
function trouble(entry, model) {
  return el(
    'div',
    { class: 'trouble' },
    el('span', { class: 'problem', role: 'alert', text: t('failed', { why: faultText(entry.error) }) }),
    button(t('again'), () => model.outgoing.again(entry), { test: 'message-again' }),
    button(t('discard'), () => model.outgoing.discard(entry), { test: 'message-discard' }),
  );
}

/** @param {import('./timeline.js').Entry} entry */
export function noteItem({ text, name }) {
  return el(
    'li',
    { class: 'note', test: 'note' },
    el('span', { text: t(/** @type {any} */ (text), { name: name ?? '' }) }),
  );
}

/** @param {number} at */
export function dayItem(at) {
  const days = daysAgo(at, Date.now());
  const text = days === 0 ? t('today') : days === 1 ? t('yesterday') : dateText(at);
  return el('li', { class: 'day' }, el('time', { datetime: new Date(at).toISOString(), text }));
}

export function dividerItem() {
  return el('li', { class: 'divider', test: 'divider' }, el('span', { text: t('unreadFrom') }));
}
