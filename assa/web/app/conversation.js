/** The open room: its head, its messages, the composer below. */

import { composer } from './composer.js';
import { complain, invite, leaveRoom, roomInfo } from './dialogs.js';
import { el, iconButton, icon } from './dom.js';
import { dayItem, messageItem, noteItem } from './message.js';
import { arranged } from './timeline.js';
import { t } from './words.js';

/** Pixels from the end within which the reader follows what comes. */
const NEAR_END = 80;

/**
 * @param {import('./model.js').Model} model
 * @param {{uploads: boolean, call: (room: any) => void}} options
 */
export function conversationView(model, { uploads, call }) {
  const head = el('header', { class: 'conversation-head' });
  const older = el('button', { type: 'button', class: 'plain older', test: 'older', text: t('older'), on: { click: () => model.older().catch(complain) } });
  const list = el('ol', { class: 'messages', test: 'messages', role: 'log', 'aria-live': 'polite', 'aria-relevant': 'additions' });
  const scroll = el('div', { class: 'scroll', tabindex: 0, 'aria-label': t('newMessages') }, older, list);
  const jump = el('button', { type: 'button', class: 'jump', test: 'jump', hidden: true, text: t('newMessages') });
  const view = el('main', { class: 'conversation' });
  const writing = composer(model, { uploads, target: view });
  const nothing = el('p', { class: 'faint nothing', text: t('chooseRoom') });
  view.append(nothing, head, scroll, jump, writing.element);

  let following = true; // whether the reader is at the end, and stays there whatever comes
  const nearEnd = () => scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR_END;
  const toEnd = () => (scroll.scrollTop = scroll.scrollHeight);
  // A page in the background has not been read.
  const seen = () => {
    if (document.visibilityState === 'visible' && following) {
      jump.hidden = true;
      model.confirm();
    }
  };
  const entries = (reason) => {
    const room = model.current;
    if (!room) return;
    if (reason === 'opened' || reason === 'own') following = true;
    const fromEnd = scroll.scrollHeight - scroll.scrollTop;
    older.hidden = !room.more;
    drawEntries(list, room, { model, room, reply: writing.reply });
    if (following) toEnd();
    else if (reason === 'older') scroll.scrollTop = scroll.scrollHeight - fromEnd;
    else if (reason === 'heard') jump.hidden = false;
    seen();
  };
  const whole = () => {
    view.classList.toggle('empty', !model.current);
    document.body.classList.toggle('in-room', model.current !== null);
    if (!model.current) return;
    drawHead(head, model, call);
    list.replaceChildren();
    entries('opened');
    writing.focus();
  };
  jump.addEventListener('click', () => ((following = true), toEnd(), seen()));
  scroll.addEventListener('scroll', () => ((following = nearEnd()), seen()));
  // A picture that has come makes the list longer, a call above makes its window smaller.
  const resized = new ResizeObserver(() => following && toEnd());
  resized.observe(list);
  resized.observe(scroll);
  document.addEventListener('visibilitychange', seen);
  model.addEventListener('current', whole);
  model.addEventListener('rooms', () => model.current && drawHead(head, model, call));
  model.addEventListener('entries', (event) => {
    const { roomId, reason } = /** @type {CustomEvent} */ (event).detail;
    if (roomId === model.currentId) entries(reason);
  });
  model.connection.addEventListener('state', () => entries('state'));
  whole();
  return view;
}

/** Draw the list; an item that has not changed stays the element that it was, so that pictures do not flicker. */
function drawEntries(list, room, uses) {
  const had = new Map([...list.children].map((item) => [item.dataset.key, item]));
  const items = [];
  const put = (key, make) => {
    const item = had.get(key) ?? make();
    item.dataset.key = key;
    items.push(item);
  };
  for (const { entry, newDay, goesOn } of arranged(room.entries)) {
    if (newDay) put(`d${entry.key}`, () => dayItem(entry.at));
    const make = () => (entry.kind === 'note' ? noteItem(entry) : messageItem(entry, goesOn, uses));
    put(versionOf(entry, goesOn, room, uses.model), make);
  }
  if (room.loaded && items.length === 0) put('empty', () => el('li', { class: 'note faint', text: t('emptyRoom') }));
  place(list, items);
}

/** What an item shows, in a word: as long as it stays the same, so does the item. */
function versionOf(entry, goesOn, room, model) {
  if (entry.kind === 'note') return entry.key;
  const readers = room.receipts.get(entry.message.message_id)?.size ?? 0;
  const quoted = room.entries.some((one) => one.message?.message_id === entry.message.reply_to_message_id);
  const waits = entry.state === 'queued' && model.connection.state !== 'connected';
  return [entry.key, entry.state, goesOn, readers, quoted, waits].join(' ');
}

/** Have the list consist of these items; only what differs is touched. */
function place(list, items) {
  const wanted = new Set(items);
  for (const item of [...list.children]) if (!wanted.has(item)) item.remove();
  items.forEach((item, number) => {
    if (list.children[number] !== item) list.insertBefore(item, list.children[number] ?? null);
  });
}

function drawHead(head, model, call) {
  const room = model.current;
  const callButton = el(
    'button',
    { type: 'button', class: room.call ? 'primary' : 'plain', test: room.call ? 'call-join' : 'call-start', on: { click: () => call(room) } },
    icon('video'),
    el('span', { class: 'wide', text: t(room.call ? 'joinCall' : 'startCall') }),
  );
  callButton.hidden = model.inCallId !== null;
  const shown = JSON.stringify([room.id, room.name, room.count, room.call?.id, model.inCallId]);
  if (head.dataset.shown === shown) return;
  head.dataset.shown = shown;
  const focused = head.contains(document.activeElement) ? document.activeElement?.dataset.test : null;
  head.replaceChildren(
    iconButton('back', t('back'), 'back', () => model.open(null), { class: 'icon-button back' }),
    el('div', { class: 'conversation-title' }, el('h2', { test: 'room-title', text: room.name }), el('p', { class: 'faint', text: t('members', { count: room.count }) })),
    callButton,
    iconButton('invite', t('invite'), 'invite', () => invite(model, room)),
    iconButton('info', t('roomInfo'), 'room-info', () => roomInfo(model, room).catch(complain)),
    iconButton('leave', t('leaveRoom'), 'leave-room', () => leaveRoom(model, room)),
  );
  if (focused) head.querySelector(`[data-test="${focused}"]`)?.focus();
}
