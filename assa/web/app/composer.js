/** Where messages are written: text, replies, and pictures by button, by drop and by paste. */

import { notice } from './dialogs.js';
import { el, icon, iconButton } from './dom.js';
import { picturesOf, sendPicture } from './images.js';
import { t } from './words.js';

const CHARACTERS = 5_000;

/**
 * @param {import('./model.js').Model} model
 * @param {{uploads: boolean, target: HTMLElement}} options Pictures may be dropped on the target.
 */
export function composer(model, { uploads, target }) {
  const drafts = new Map();
  let replying = /** @type {any} */ (null);
  const shelf = el('div', { class: 'shelf' });
  const answered = el('div', { class: 'replying', hidden: true, test: 'replying' });
  const input = el('textarea', { rows: 1, maxlength: CHARACTERS, 'aria-label': t('write'), placeholder: t('write'), test: 'composer' });
  const chooser = el('input', { type: 'file', accept: 'image/*', multiple: true, hidden: true, test: 'attach-input' });
  const attach = iconButton('image', t('attach'), 'attach', () => chooser.click(), { hidden: !uploads });
  const go = el('button', { type: 'submit', class: 'send', 'aria-label': t('send'), title: t('send'), test: 'send' }, icon('send'));
  const form = el('form', { class: 'composer' }, attach, chooser, input, go);

  const reply = (message) => {
    replying = message;
    answered.hidden = !message;
    answered.replaceChildren();
    if (!message) return;
    const words = `${t('replyTo', { name: message.user.nickname || t('me') })}: ${message.content || t('picture')}`;
    answered.append(el('span', { text: words }), iconButton('close', t('cancelReply'), 'cancel-reply', () => reply(null)));
    input.focus();
  };
  const fit = () => {
    input.style.height = 'auto';
    input.style.height = `${Math.min(input.scrollHeight, 160)}px`;
  };
  const send = (event) => {
    event.preventDefault();
    const content = input.value.trim();
    if (!content || model.currentId === null) return;
    model.send(content, { replyTo: replying?.message_id });
    input.value = '';
    reply(null);
    fit();
  };
  const take = (files) => {
    const pictures = picturesOf(files);
    if (pictures.length < files.length) notice(t('notPicture'));
    for (const file of pictures) sendPicture(model, file, shelf, replying?.message_id ?? null);
    reply(null);
  };

  form.addEventListener('submit', send);
  input.addEventListener('input', fit);
  input.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => {
    // Enter also ends the composition of a Korean syllable: then it is no message yet.
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) send(event);
    else if (event.key === 'Escape' && replying) reply(null);
  });
  chooser.addEventListener('change', () => (take([...chooser.files]), (chooser.value = '')));
  if (uploads) acceptFiles(target, input, take);
  let shown = model.currentId;
  model.addEventListener('current', () => {
    drafts.set(shown, input.value);
    shown = model.currentId;
    input.value = drafts.get(shown) ?? '';
    reply(null);
    shelf.replaceChildren();
    fit();
  });
  return { element: el('div', { class: 'composing' }, shelf, answered, form), reply, focus: () => input.focus() };
}

function acceptFiles(target, input, take) {
  const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes('Files');
  target.addEventListener('dragover', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    target.classList.add('dropping');
  });
  target.addEventListener('dragleave', (event) => {
    if (!target.contains(/** @type {Node} */ (event.relatedTarget))) target.classList.remove('dropping');
  });
  target.addEventListener('drop', (event) => {
    target.classList.remove('dropping');
    if (!hasFiles(event)) return;
    event.preventDefault();
    take([...event.dataTransfer.files]);
  });
  input.addEventListener('paste', (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0) return;
    event.preventDefault();
    take(files);
  });
}
