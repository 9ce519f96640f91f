/** Where messages are written: text, replies, and pictures by button, by drop and by paste. */

import { el, icon, iconButton } from './dom.js';
import { uploadItem } from './images.js';
import { authorOf, summaryOf } from './message.js';
import { notice } from './notices.js';
import { TYPES, faultOf } from './uploads.js';
import { faultText, t } from './words.js';

const CHARACTERS = 5_000;
const MOST_PX = 160;

export class Composer {
  #model;
  #uploads;
  #replying = /** @type {any} */ (null);
  #shelf = el('ul', { class: 'shelf', test: 'uploads' });
  #answered = el('div', { class: 'replying', hidden: true, test: 'replying' });
  #input = el('textarea', {
    rows: 1,
    maxlength: CHARACTERS,
    'aria-label': t('write'),
    placeholder: t('write'),
    enterkeyhint: 'send',
    test: 'composer',
  });
  #chooser = el('input', {
    type: 'file',
    accept: [...TYPES, '.heic'].join(','),
    multiple: true,
    hidden: true,
    test: 'attach-input',
  });
  #go = el(
    'button',
    { type: 'submit', class: 'send', disabled: true, 'aria-label': t('send'), title: t('send'), test: 'send' },
    icon('send'),
  );
  #form;
  element;

  /**
   * @param {import('./model.js').Model} model
   * @param {{uploads: boolean, target: HTMLElement}} options Pictures may be dropped on the target.
   */
  constructor(model, { uploads, target }) {
    this.#model = model;
    this.#uploads = uploads;
    const attach = iconButton('image', t('attach'), 'attach', () => this.#chooser.click(), { hidden: !uploads });
    this.#form = el('form', { class: 'composer' }, attach, this.#chooser, this.#input, this.#go);
    this.element = el('div', { class: 'composing' }, this.#shelf, this.#answered, this.#form);
    this.#listen();
    acceptFiles(target, this.#input, (files) => this.#take(files));
  }

  #listen() {
    this.#form.addEventListener('submit', (/** @type {Event} */ event) => this.#send(event));
    this.#input.addEventListener('input', () => this.#changed());
    this.#input.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => {
      // Enter also ends the composition of a Korean syllable: then it is no message yet. (Safari tells it by 229 alone.)
      const composing = event.isComposing || event.keyCode === 229;
      if (event.key === 'Enter' && !event.shiftKey && !composing) this.#send(event);
      else if (event.key === 'Escape' && this.#replying) this.reply(null);
    });
    this.#chooser.addEventListener('change', () => {
      this.#take([...this.#chooser.files]);
      this.#chooser.value = '';
    });
    this.#model.addEventListener('uploads', () => this.#drawUploads());
    this.#model.addEventListener('current', () => this.#roomChanged());
    this.#roomChanged();
  }

  focus() {
    this.#input.focus();
  }

  /** @param {any} message What the next one answers; null: nothing. */
  reply(message) {
    this.#replying = message;
    this.#answered.hidden = !message;
    this.#answered.replaceChildren();
    const room = this.#model.current;
    if (!message || !room) return;
    const words = el(
      'span',
      { class: 'cut' },
      el('strong', { text: t('replyTo', { name: authorOf(message, this.#model, room) }) }),
      ' ',
      summaryOf(message),
    );
    this.#answered.append(
      icon('reply'),
      words,
      iconButton('close', t('cancelReply'), 'cancel-reply', () => this.reply(null)),
    );
    this.focus();
  }

  /** @param {Event} event */
  #send(event) {
    event.preventDefault();
    const content = this.#input.value.trim();
    const { currentId, outgoing } = this.#model;
    if (!content || currentId === null) return;
    outgoing.send(currentId, content, { replyTo: this.#replying?.message_id });
    this.#input.value = '';
    this.reply(null);
    this.#changed();
  }

  /** @param {File[]} files */
  #take(files) {
    const { currentId, uploads } = this.#model;
    if (currentId === null || files.length === 0) return;
    if (!this.#uploads) return notice(t('uploadsOff'), 'bad');
    for (const file of files) {
      const fault = faultOf(file);
      if (fault) notice(t(/** @type {any} */ (fault), { name: file.name }), 'bad');
      else uploads.add(currentId, file, this.#replying?.message_id ?? null);
    }
    this.reply(null);
  }

  #drawUploads() {
    const { uploads, currentId } = this.#model;
    this.#shelf.replaceChildren(
      ...uploads.of(currentId).map((one) => uploadItem(one, uploads, one.error ? faultText(one.error) : '')),
    );
  }

  /** The height follows the text, and a draft is kept. */
  #changed() {
    this.#input.style.height = 'auto';
    this.#input.style.height = `${Math.min(this.#input.scrollHeight + 2, MOST_PX)}px`;
    this.#go.disabled = this.#input.value.trim() === '';
    const { currentId, memory } = this.#model;
    const drafts = { ...memory.get('drafts', {}) };
    if (currentId === null || (drafts[currentId] ?? '') === this.#input.value) return;
    drafts[currentId] = this.#input.value || undefined;
    memory.set('drafts', drafts);
  }

  #roomChanged() {
    this.#input.value = this.#model.memory.get('drafts', /** @type {any} */ ({}))[this.#model.currentId ?? ''] ?? '';
    this.reply(null);
    this.#changed();
    this.#drawUploads();
  }
}

/**
 * @param {HTMLElement} target
 * @param {HTMLElement} input
 * @param {(files: File[]) => void} take
 */
function acceptFiles(target, input, take) {
  const hasFiles = (/** @type {DragEvent} */ event) => [...(event.dataTransfer?.types ?? [])].includes('Files');
  target.dataset.drop = t('dropHere');
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
    take([...(event.dataTransfer?.files ?? [])]);
  });
  input.addEventListener('paste', (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0) return;
    event.preventDefault();
    take(files);
  });
}
