/** Questions to the user, each a <dialog>: Esc closes it, and the focus goes back to where it was. */

import { avatar, button, el, field } from './dom.js';
import { complain, notice } from './notices.js';
import { faultText, t } from './words.js';

/**
 * Show a dialog with a form.
 *
 * @param {string} title
 * @param {Node[]} content
 * @param {{go?: string, test?: string, tone?: string, submit?: (form: HTMLFormElement) => Promise<any>}} [options]
 *   Without `submit` it can only be closed. What `submit` returns is called once it is closed, if it is a function.
 */
export function ask(title, content, { go, test, tone = 'primary', submit } = {}) {
  const problem = el('p', { class: 'problem', role: 'alert' });
  const close = button(submit ? t('cancel') : t('close'), () => dialog.close(), { test: 'dialog-close' });
  const done = submit && el('button', { type: 'submit', class: tone, text: go, test });
  const form = el(
    'form',
    { method: 'dialog' },
    el('h2', { text: title }),
    ...content,
    problem,
    el('footer', {}, close, done),
  );
  const dialog = el('dialog', { 'aria-label': title }, form);
  form.addEventListener('submit', (/** @type {Event} */ event) => {
    event.preventDefault();
    if (submit) carryOut(dialog, form, problem, submit);
  });
  return open(dialog);
}

/**
 * Show a dialog until it is closed.
 *
 * @param {HTMLDialogElement} dialog
 */
export function open(dialog) {
  dialog.addEventListener('close', () => dialog.remove());
  dialog.addEventListener('click', (event) => event.target === dialog && dialog.close()); // beside it
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/**
 * @param {HTMLDialogElement} dialog
 * @param {HTMLFormElement} form
 * @param {HTMLElement} problem
 * @param {(form: HTMLFormElement) => Promise<any>} submit
 */
async function carryOut(dialog, form, problem, submit) {
  const done = /** @type {HTMLButtonElement} */ (form.querySelector('button[type=submit]'));
  done.disabled = true;
  problem.textContent = '';
  try {
    const afterwards = await submit(form);
    dialog.close();
    // Now, as nothing outside of an open dialog can have the focus.
    if (afterwards instanceof Function) afterwards().catch(complain);
  } catch (error) {
    problem.textContent = faultText(error);
  } finally {
    done.disabled = false;
  }
}

/**
 * @param {import('./model.js').Model} model
 * @param {(roomId: number) => Promise<void>} enter
 */
export function createRoom(model, enter) {
  const name = field(t('roomName'), {
    name: 'name',
    required: true,
    maxlength: 100,
    test: 'create-name',
    autofocus: true,
    autocomplete: 'off',
  });
  const about = field(t('roomAbout'), { name: 'about', maxlength: 500, test: 'create-about', autocomplete: 'off' });
  const anybody = el('input', { type: 'checkbox', name: 'open', test: 'create-open' });
  const words = el('span', {}, t('openRoom'), el('small', { class: 'faint', text: t('openHint') }));
  ask(t('createRoom'), [name, about, el('label', { class: 'check' }, anybody, words)], {
    go: t('create'),
    test: 'create-go',
    submit: async ({ elements }) => {
      const texts = /** @type {any} */ (elements);
      const asked = { name: texts.name.value.trim(), description: texts.about.value.trim(), is_open: anybody.checked };
      const roomId = await model.create(asked);
      return () => enter(roomId);
    },
  });
}

/**
 * @param {import('./model.js').Model} model
 * @param {(roomId: number) => Promise<void>} enter
 * @param {number | null} [suggested]
 */
export function joinRoom(model, enter, suggested = null) {
  const number = field(t('roomNumber'), {
    name: 'room',
    required: true,
    inputmode: 'numeric',
    pattern: '[0-9]+',
    test: 'join-room-id',
    autofocus: true,
    autocomplete: 'off',
    value: suggested,
  });
  ask(t('joinRoom'), [number], {
    go: t('join'),
    test: 'join-go',
    submit: async ({ elements }) => {
      const roomId = await model.join(Number(/** @type {any} */ (elements).room.value));
      return () => enter(roomId);
    },
  });
}

/**
 * @param {import('./model.js').Model} model
 * @param {any} room
 */
export function invite(model, room) {
  const users = field(t('inviteUser'), {
    name: 'users',
    required: true,
    pattern: '[0-9]+( *, *[0-9]+)*',
    test: 'invite-user',
    autofocus: true,
    autocomplete: 'off',
  });
  const key = { invited: 'invited', offline: 'invitedOffline', member: 'alreadyMember' };
  ask(t('invite'), [users], {
    go: t('invite'),
    test: 'invite-go',
    submit: async ({ elements }) => {
      const ids = /** @type {any} */ (elements).users.value.split(',').map(Number);
      const asked = { room_id: room.id, invited_user_ids: [...new Set(ids)] };
      const { invited_users: invited } = await model.connection.request('INVITE', asked);
      // After the dialog has been closed, or it would go with it.
      setTimeout(() =>
        notice(invited.map((/** @type {any} */ one) => t(key[one.status], { name: one.nickname })).join('\n')),
      );
    },
  });
}

/**
 * @param {import('./model.js').Model} model
 * @param {any} room
 */
export async function roomInfo(model, room) {
  const info = await model.connection.request('ROOM_INFO', { room_id: room.id });
  room.told(info);
  const members = info.participants.map((/** @type {any} */ one) =>
    el(
      'li',
      {},
      avatar(one.nickname, one.user_id, 'person'),
      el('span', { class: 'cut', text: one.nickname }),
      el('small', { text: marksOf(one, model.userId) }),
    ),
  );
  const kind = `${t('roomNumber')} ${info.room_id} · ${t(info.is_open ? 'open' : 'byInvitation')}`;
  ask(t('roomInfo'), [
    el('p', { class: 'room-title', text: info.name }),
    el('p', { class: 'about', text: info.description }),
    el('p', { class: 'faint', test: 'room-number', text: kind }),
    el('h3', { text: membersText(info.participants_count) }),
    el('ul', { class: 'members', test: 'members' }, ...members),
  ]);
}

/** @param {number} count */
export function membersText(count) {
  return count === 1 ? t('oneMember') : t('members', { count });
}

/**
 * @param {any} member
 * @param {number | null} userId
 */
function marksOf(member, userId) {
  const words = [`#${member.user_id}`];
  if (member.role === 'host') words.push(t('host'));
  if (member.user_id === userId) words.push(t('me'));
  return words.join(' · ');
}

/**
 * @param {import('./model.js').Model} model
 * @param {any} room
 */
export function leaveRoom(model, room) {
  const words = [
    el('p', { text: t('leaveSure', { room: room.name }) }),
    el('p', { class: 'faint', text: t('leaveHint') }),
  ];
  ask(t('leaveRoom'), words, {
    go: t('leaveRoom'),
    test: 'leave-go',
    tone: 'primary danger',
    submit: () => model.leave(room.id),
  });
}
