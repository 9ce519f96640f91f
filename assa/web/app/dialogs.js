/** Questions to the user, each a <dialog>: Esc closes it, and the focus goes back to where it was. */

import { el, field } from './dom.js';
import { t } from './words.js';

/**
 * Show a dialog with a form.
 *
 * @param {string} title
 * @param {Node[]} content
 * @param {{go?: string, test?: string, submit?: (form: HTMLFormElement) => Promise<any>}} [options] Without `submit`
 *   it can only be closed.
 */
export function ask(title, content, { go, test, submit } = {}) {
  const problem = el('p', { class: 'problem', role: 'alert' });
  const close = el('button', { type: 'button', class: 'plain', text: submit ? t('cancel') : t('close') });
  const done = submit && el('button', { type: 'submit', class: 'primary', text: go, test });
  const form = el('form', { method: 'dialog' }, el('h2', { text: title }), ...content, problem, el('footer', {}, close, done));
  const dialog = el('dialog', { 'aria-label': title }, form);
  close.addEventListener('click', () => dialog.close());
  dialog.addEventListener('close', () => dialog.remove());
  form.addEventListener('submit', (/** @type {Event} */ event) => {
    event.preventDefault();
    if (submit) carryOut(dialog, form, problem, submit);
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

async function carryOut(dialog, form, problem, submit) {
  const buttons = form.querySelectorAll('button[type=submit]');
  for (const button of buttons) button.disabled = true;
  try {
    await submit(form);
    dialog.close();
  } catch (error) {
    problem.textContent = `${error.message}${error.details ? ` (${error.details})` : ''}`;
  } finally {
    for (const button of buttons) button.disabled = false;
  }
}

/** @param {import('./model.js').Model} model */
export function createRoom(model) {
  const name = field(t('roomName'), { name: 'name', required: true, maxlength: 100, test: 'create-name', autofocus: true });
  const open = el('input', { type: 'checkbox', name: 'open', test: 'create-open' });
  const label = el('label', { class: 'check' }, open, t('openRoom'));
  ask(t('createRoom'), [name, label], {
    go: t('create'),
    test: 'create-go',
    submit: async (form) => {
      const asked = { name: form.elements.name.value.trim(), is_open: open.checked };
      await model.open(await model.create(asked));
    },
  });
}

/** @param {import('./model.js').Model} model */
export function joinRoom(model) {
  const number = field(t('roomNumber'), {
    name: 'room', required: true, inputmode: 'numeric', pattern: '[0-9]+', test: 'join-room-id', autofocus: true,
  });
  ask(t('joinRoom'), [number], {
    go: t('join'),
    test: 'join-go',
    submit: async (form) => model.open(await model.join(Number(form.elements.room.value))),
  });
}

/**
 * @param {import('./model.js').Model} model
 * @param {any} room
 */
export function invite(model, room) {
  const users = field(t('inviteUser'), {
    name: 'users', required: true, pattern: '[0-9]+( *, *[0-9]+)*', test: 'invite-user', autofocus: true,
  });
  const told = el('ul', { class: 'told', role: 'status', test: 'invite-told' });
  ask(t('invite'), [users, told], {
    go: t('invite'),
    test: 'invite-go',
    submit: async (form) => {
      const ids = form.elements.users.value.split(',').map(Number);
      const asked = { room_id: room.id, invited_user_ids: ids };
      const { invited_users: invited } = await model.connection.request('INVITE', asked);
      const key = { invited: 'invited', offline: 'invitedOffline', member: 'alreadyMember' };
      notice(invited.map((one) => t(key[one.status], { name: one.nickname })).join('\n'));
    },
  });
}

/**
 * @param {import('./model.js').Model} model
 * @param {any} room
 */
export async function roomInfo(model, room) {
  const info = await model.connection.request('ROOM_INFO', { room_id: room.id });
  const members = info.participants.map((one) =>
    el('li', {}, one.nickname, el('small', { text: marks(one, model.userId) })),
  );
  ask(t('roomInfo'), [
    el('p', { class: 'room-title', text: info.name }),
    el('p', { text: info.description }),
    el('p', { class: 'faint', text: `${t('roomNumber')} ${info.room_id}` }),
    el('h3', { text: t('members', { count: info.participants_count }) }),
    el('ul', { class: 'members', test: 'members' }, ...members),
  ]);
}

function marks(member, userId) {
  const words = [` #${member.user_id}`];
  if (member.role === 'host') words.push(t('host'));
  if (member.user_id === userId) words.push(t('me'));
  return words.join(' · ');
}

/**
 * @param {import('./model.js').Model} model
 * @param {any} room
 */
export function leaveRoom(model, room) {
  ask(t('leaveRoom'), [el('p', { text: t('leaveSure', { room: room.name }) })], {
    go: t('leaveRoom'),
    test: 'leave-go',
    submit: () => model.leave(room.id),
  });
}

/**
 * Say something that goes away by itself.
 *
 * @param {string} text
 */
export function notice(text) {
  const shown = el('p', { class: 'notice', role: 'status', test: 'notice', text });
  document.body.append(shown);
  setTimeout(() => shown.remove(), 6_000);
}

/**
 * Say what went wrong.
 *
 * @param {any} error
 */
export function complain(error) {
  notice(t('wrong', { why: error.message }));
}
