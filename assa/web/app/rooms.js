/** The list of rooms, invitations above it. */

import { createRoom, joinRoom, complain } from './dialogs.js';
import { el, icon } from './dom.js';
import { t } from './words.js';

/** @param {import('./model.js').Model} model */
export function roomsView(model) {
  const invitations = el('ul', { class: 'invitations' });
  const list = el('ul', { class: 'room-list', test: 'rooms', 'aria-label': t('rooms') });
  const buttons = el(
    'div',
    { class: 'room-buttons' },
    el('button', { type: 'button', class: 'plain', test: 'create-room', on: { click: () => createRoom(model) } }, icon('plus'), t('createRoom')),
    el('button', { type: 'button', class: 'plain', test: 'join-room', on: { click: () => joinRoom(model) } }, t('joinRoom')),
  );
  const draw = () => {
    const rooms = model.listed.map((room) => roomItem(model, room));
    keepFocus(list, rooms.length > 0 ? rooms : [el('li', { class: 'faint empty', text: t('noRooms') })]);
  };
  model.addEventListener('rooms', draw);
  model.addEventListener('current', draw);
  model.addEventListener('invitations', () =>
    invitations.replaceChildren(...[...model.invitations.values()].map((one) => invitationItem(model, one))),
  );
  draw();
  return el('nav', { class: 'rooms', 'aria-label': t('rooms') }, buttons, invitations, list);
}

/** Draw a list anew without taking the focus away from the room that has it. */
function keepFocus(list, items) {
  const focused = list.contains(document.activeElement) ? document.activeElement?.dataset.test : null;
  list.replaceChildren(...items);
  if (focused) list.querySelector(`[data-test="${focused}"]`)?.focus();
}

function roomItem(model, room) {
  const current = room.id === model.currentId;
  const unread = room.unread > 0 && el('span', {
    class: 'unread', test: `unread-${room.id}`, text: room.unread > 99 ? '99+' : String(room.unread), 'aria-label': t('unread', { count: room.unread }),
  });
  const button = el(
    'button',
    { type: 'button', class: 'room', test: `room-${room.id}`, 'aria-current': current ? 'true' : false, on: { click: () => model.open(room.id).catch(complain) } },
    el('span', { class: 'avatar', 'aria-hidden': 'true', data: { tint: String(room.id % 6) }, text: [...room.name][0] ?? '#' }),
    el('span', { class: 'room-words' }, el('span', { class: 'room-name', text: room.name }), el('span', { class: 'room-last faint', text: lastWords(room) })),
    room.call && el('span', { class: 'in-call', title: t('callRunning') }, icon('video')),
    unread || null,
  );
  return el('li', {}, button);
}

function lastWords(room) {
  if (!room.last) return t('members', { count: room.count });
  const { user, message_type: type, content } = room.last;
  const words = type === 'image' ? content || t('picture') : content;
  return user.nickname ? `${user.nickname}: ${words}` : words;
}

function invitationItem(model, { room_id: roomId, room_info: room, inviter }) {
  const accept = async () => model.open(await model.join(roomId));
  return el(
    'li',
    { class: 'invitation', test: `invitation-${roomId}`, role: 'alert' },
    el('p', { text: t('invitation', { name: inviter.nickname, room: room.name }) }),
    el('button', { type: 'button', class: 'primary', test: 'invitation-accept', text: t('accept'), on: { click: () => accept().catch(complain) } }),
    el('button', { type: 'button', class: 'plain', text: t('later'), on: { click: () => model.dismiss(roomId) } }),
  );
}
