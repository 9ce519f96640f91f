/** The list of rooms: who one is and the connection above it, invitations in between. */

import { createRoom, joinRoom, membersText } from './dialogs.js';
import { avatar, button, el, icon, iconButton, place, refill, wordButton } from './dom.js';
import { complain, notice } from './notices.js';
import { daysAgo } from './timeline.js';
import { language, shortDateText, t, timeText } from './words.js';

/**
 * @param {import('./model.js').Model} model
 * @param {{nickname: string, logout: () => void, switchLanguage: () => void}} options
 */
export function roomsView(model, options) {
  const enter = (/** @type {number} */ roomId) => model.open(roomId);
  const invitations = el('ul', { class: 'invitations', 'aria-label': t('invitations') });
  const list = el('ul', { class: 'room-list', test: 'rooms', 'aria-label': t('rooms') });
  const buttons = el(
    'div',
    { class: 'room-buttons' },
    wordButton('plus', t('createRoom'), 'create-room', () => createRoom(model, enter)),
    wordButton('hash', t('joinRoom'), 'join-room', () => joinRoom(model, enter)),
  );
  const draw = () => drawRooms(list, model);
  const invited = () => refill(invitations, ...model.invitations.all.map((one) => invitationItem(model, one)));
  model.addEventListener('rooms', draw);
  model.addEventListener('current', draw);
  model.addEventListener('invitations', invited);
  model.addEventListener('calls', (event) => tellOfCall(model, /** @type {CustomEvent} */ (event).detail));
  invited();
  draw();
  const invitedTo = el('div', { class: 'invited', role: 'status' }, invitations);
  return el('nav', { class: 'rooms', 'aria-label': t('rooms') }, head(model, options), buttons, invitedTo, list);
}

/**
 * @param {import('./model.js').Model} model
 * @param {{nickname: string, logout: () => void, switchLanguage: () => void}} options
 */
function head(model, { nickname, logout, switchLanguage }) {
  const lamp = el('span', { class: 'lamp', 'aria-hidden': 'true' });
  const face = el('span', { class: 'own-face' }, avatar(nickname, model.userId ?? 0, 'person'), lamp);
  const shown = () => (face.dataset.state = model.connection.state);
  model.connection.addEventListener('state', shown);
  shown();
  const name = el('strong', { class: 'cut', test: 'whoami', text: nickname });
  const who = el('span', { class: 'who' }, name, el('small', { class: 'faint', text: `#${model.userId}` }));
  const leave = iconButton('power', t('logout'), 'logout', logout);
  return el('header', { class: 'rooms-head' }, face, who, languageButton(switchLanguage), leave);
}

/** @param {() => void} switchLanguage */
export function languageButton(switchLanguage) {
  const lang = language() === 'ko' ? 'en' : 'ko';
  return button(t('language'), switchLanguage, { class: 'plain small', test: 'language', lang });
}

/**
 * Draw the list; a room that has not changed stays the element that it was, and keeps the focus.
 *
 * @param {HTMLElement} list
 * @param {import('./model.js').Model} model
 */
function drawRooms(list, model) {
  const had = new Map([...list.children].map((item) => [/** @type {any} */ (item).dataset.id, item]));
  const items = model.rooms.listed.map((room) => {
    const item = had.get(String(room.id)) ?? roomItem(model, room.id);
    drawRoom(item.firstElementChild, model, room);
    return item;
  });
  const focused = /** @type {any} */ (list.contains(document.activeElement) ? document.activeElement : null);
  place(list, items.length > 0 ? items : [el('li', { class: 'faint empty', text: t('noRooms') })]);
  focused?.focus();
}

/**
 * @param {import('./model.js').Model} model
 * @param {number} id
 */
function roomItem(model, id) {
  const open = () => model.open(id).catch(complain);
  return el(
    'li',
    { data: { id: String(id) } },
    el('button', { type: 'button', class: 'room', test: `room-${id}`, on: { click: open } }),
  );
}

/**
 * @param {any} shown
 * @param {import('./model.js').Model} model
 * @param {import('./room.js').Room} room
 */
function drawRoom(shown, model, room) {
  if (room.id === model.currentId) shown.setAttribute('aria-current', 'true');
  else shown.removeAttribute('aria-current');
  const name = el('span', { class: 'room-name cut', text: room.name });
  const when = el('time', { class: 'faint', text: whenText(room.last) });
  const last = el('span', { class: 'room-last cut faint', text: lastText(room, model.userId) });
  const above = el('span', { class: 'room-line' }, name, model.calls.of(room.id) && callMark(), when);
  const below = el('span', { class: 'room-line' }, last, unreadMark(room));
  shown.replaceChildren(avatar(room.name, room.id), el('span', { class: 'room-words' }, above, below));
}

function callMark() {
  const label = t('callRunning');
  return el('span', { class: 'in-call', role: 'img', 'aria-label': label, title: label }, icon('video'));
}

/** @param {import('./room.js').Room} room */
function unreadMark({ id, unread: { count } }) {
  if (count === 0) return null;
  const text = count > 99 ? '99+' : String(count);
  return el('span', { class: 'unread', test: `unread-${id}`, text, 'aria-label': t('unread', { count }) });
}

/** @param {any} last */
function whenText(last) {
  if (!last) return '';
  const at = Date.parse(last.created_at);
  const days = daysAgo(at, Date.now());
  if (days === 0) return timeText(at);
  return days === 1 ? t('yesterday') : shortDateText(at);
}

/**
 * @param {import('./room.js').Room} room
 * @param {number | null} userId
 */
function lastText({ last, count, description }, userId) {
  if (!last) return description || membersText(count);
  const { user, message_type: type, content } = last;
  const text = type === 'image' ? content || t('picture') : content;
  return t('said', { name: user.user_id === userId ? t('me') : user.nickname, text });
}

/**
 * @param {import('./model.js').Model} model
 * @param {any} invitation
 */
function invitationItem(model, { room_id: roomId, room_info: room, inviter }) {
  const accept = async () => model.open(await model.join(roomId));
  return el(
    'li',
    { class: 'invitation', test: `invitation-${roomId}` },
    el('p', { text: t('invitation', { name: inviter.nickname, room: room.name }) }),
    button(t('accept'), () => accept().catch(complain), { class: 'primary', test: 'invitation-accept' }),
    button(t('later'), () => model.invitations.remove(roomId), { test: 'invitation-later' }),
  );
}

/**
 * A call elsewhere would go unnoticed: its room may not even be in sight.
 *
 * @param {import('./model.js').Model} model
 * @param {{roomId: number, what: string}} detail
 */
function tellOfCall(model, { roomId, what }) {
  const room = model.rooms.get(roomId);
  if (room && what === 'began' && roomId !== model.currentId) notice(`${room.name}: ${t('callBegan')}`);
}
