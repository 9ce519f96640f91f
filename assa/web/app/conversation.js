/** The open room: its head, its messages, the composer below. */

import { Composer } from './composer.js';
import { invite, leaveRoom, membersText, roomInfo } from './dialogs.js';
import { el, icon, iconButton, refill, wordButton } from './dom.js';
import { Messages } from './messages.js';
import { complain } from './notices.js';
import { t } from './words.js';

/**
 * @typedef {object} Uses
 * @property {boolean} uploads
 * @property {(room: import('./room.js').Room) => void} call Start the room's call, or join it.
 * @property {() => number | null} inCall The room of the call that one takes part in.
 */

export class Conversation {
  #model;
  #uses;
  #head = el('header', { class: 'conversation-head' });
  #callLine = el('div', { class: 'call-line', role: 'status' });
  #composer;
  #messages;
  #drawn = '';
  element = el('main', { class: 'conversation' });

  /**
   * @param {import('./model.js').Model} model
   * @param {Uses} uses
   */
  constructor(model, uses) {
    this.#model = model;
    this.#uses = uses;
    this.#composer = new Composer(model, { uploads: uses.uploads, target: this.element });
    this.#messages = new Messages(model, (message) => this.#composer.reply(message));
    const nothing = el('p', { class: 'nothing faint' }, icon('chat'), t('chooseRoom'));
    this.element.append(nothing, this.#head, this.#callLine, this.#messages.element, this.#composer.element);
    model.addEventListener('current', () => this.#show());
    model.addEventListener('rooms', () => this.drawHead());
    this.#show();
  }

  #show() {
    const { current } = this.#model;
    this.element.classList.toggle('empty', !current);
    document.body.classList.toggle('in-room', current !== null);
    if (!current) return;
    this.#drawn = '';
    this.drawHead();
    this.#messages.show();
    // On a phone the keyboard would cover what is to be read.
    if (matchMedia('(hover: hover)').matches) this.#composer.focus();
  }

  /** Draw the head, if something in it has changed. */
  drawHead() {
    const model = this.#model;
    const room = model.current;
    if (!room) return;
    const running = model.calls.of(room.id);
    const taking = this.#uses.inCall() === room.id;
    const drawn = JSON.stringify([room.id, room.name, room.count, running?.id, taking]);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    const start = iconButton('video', t('startCall'), 'call-start', () => this.#uses.call(room));
    const title = el('h2', { class: 'cut', test: 'room-title', text: room.name });
    const count = el('p', { class: 'faint cut', text: membersText(room.count) });
    refill(
      this.#head,
      iconButton('back', t('back'), 'back', () => model.open(null), { class: 'icon-button back' }),
      el('div', { class: 'conversation-title' }, title, count),
      running === null && !taking && start,
      iconButton('invite', t('invite'), 'invite', () => invite(model, room)),
      iconButton('info', t('roomInfo'), 'room-info', () => roomInfo(model, room).catch(complain)),
      iconButton('leave', t('leaveRoom'), 'leave-room', () => leaveRoom(model, room)),
    );
    this.#drawCallLine(room, running !== null && !taking);
  }

  /**
   * @param {import('./room.js').Room} room
   * @param {boolean} shown
   */
  #drawCallLine(room, shown) {
    const join = wordButton('video', t('joinCall'), 'call-join', () => this.#uses.call(room), 'primary');
    if (shown)
      refill(
        this.#callLine,
        el('span', { class: 'pulse', 'aria-hidden': 'true' }),
        el('span', { class: 'cut', text: t('callBanner') }),
        join,
      );
    else this.#callLine.replaceChildren();
  }
}
