/** The messages of the open room: drawn, scrolled, read, and walked through with the keyboard. */

import { button, el, icon, place } from './dom.js';
import { dayItem, dividerItem, messageItem, noteItem, summaryOf } from './message.js';
import { complain, notice } from './notices.js';
import { arranged } from './timeline.js';
import { t } from './words.js';

/** Pixels from the end within which the reader follows what comes. */
const NEAR_END = 60;

/** Pixels from the beginning within which going on gets an older page. */
const NEAR_BEGINNING = 120;

export class Messages {
  #model;
  #reply;
  /** Whether the end is in sight, and stays there. */
  #following = true;
  #top = 0;
  #older;
  #list = el('ol', {
    class: 'messages',
    test: 'messages',
    'aria-label': t('messages'),
    'aria-description': t('messageKeys'),
  });
  #scroll = el('div', { class: 'scroll' });
  #count = el('span', { class: 'jump-words' });
  #jump = el(
    'button',
    { type: 'button', class: 'jump', test: 'jump', hidden: true, 'aria-label': t('toNewest') },
    this.#count,
    icon('down'),
  );
  #said = el('div', { class: 'unseen', role: 'log', 'aria-live': 'polite' });
  element;

  /**
   * @param {import('./model.js').Model} model
   * @param {(message: any) => void} reply
   */
  constructor(model, reply) {
    this.#model = model;
    this.#reply = reply;
    const older = () => model.current && model.history.older(model.current).catch(complain);
    this.#older = button(t('older'), older, { class: 'plain small older', test: 'older' });
    this.#scroll.append(this.#older, this.#list);
    this.element = el('div', { class: 'messages-frame' }, this.#scroll, this.#jump, this.#said);
    this.#listen(older);
  }

  /** @param {() => void} older */
  #listen(older) {
    const further = () => this.#scroll.scrollTop < NEAR_BEGINNING && older();
    this.#scroll.addEventListener('wheel', (/** @type {WheelEvent} */ event) => event.deltaY < 0 && further(), {
      passive: true,
    });
    this.#scroll.addEventListener('touchmove', further, { passive: true });
    this.#scroll.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    this.#jump.addEventListener('click', () => this.#toEnd());
    this.#list.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => this.#key(event));
    this.#list.addEventListener('focusin', (/** @type {FocusEvent} */ event) => this.#focused(event));
    // What makes the list longer, or its frame lower, does not move the end out of sight.
    const sizes = new ResizeObserver(() => this.#following && this.#toEnd());
    sizes.observe(this.#list);
    sizes.observe(this.#scroll);
    document.addEventListener('visibilitychange', () => this.#read());
    this.#model.addEventListener('entries', (event) => this.#entries(/** @type {CustomEvent} */ (event).detail));
    this.#model.addEventListener('rooms', () => this.#model.current && this.#tellJump(this.#model.current));
    this.#model.connection.addEventListener('state', () => this.draw());
  }

  /** Show another room. */
  show() {
    this.#list.replaceChildren();
    this.#said.replaceChildren();
    this.#begin();
  }

  draw() {
    const room = this.#model.current;
    if (!room) return;
    this.#older.hidden = !room.more;
    place(this.#list, this.#items(room));
    this.#oneTabStop();
    if (this.#following) this.#toEnd();
    this.#tellJump(room);
    this.#read();
  }

  /** @param {{roomId: number, reason: string, message: any}} told */
  #entries({ roomId, reason, message }) {
    if (roomId !== this.#model.currentId) return;
    const fromEnd = this.#scroll.scrollHeight - this.#scroll.scrollTop;
    if (reason === 'own') this.#following = true;
    if (reason === 'opened') this.#begin();
    else this.draw();
    if (reason === 'older') this.#scroll.scrollTop = this.#scroll.scrollHeight - fromEnd;
    if (message) this.#say(message);
  }

  /** @param {any} message */
  #say(message) {
    this.#said.append(el('p', { text: t('said', { name: message.user.nickname, text: summaryOf(message) }) }));
    while (this.#said.children.length > 5) this.#said.firstChild?.remove();
  }

  // --- drawing ---

  /**
   * Return the items; one that has not changed stays the element that it was, so that pictures do not flicker.
   *
   * @param {import('./room.js').Room} room
   */
  #items(room) {
    const had = new Map([...this.#list.children].map((item) => [/** @type {any} */ (item).dataset.key, item]));
    /** @type {any[]} */
    const items = [];
    const put = (/** @type {string} */ key, /** @type {() => any} */ make) => {
      const item = had.get(key) ?? make();
      item.dataset.key = key;
      items.push(item);
    };
    const all = arranged(room.entries);
    const uses = { model: this.#model, room, reply: this.#reply, jump: (/** @type {number} */ id) => this.#reach(id) };
    for (const [number, one] of all.entries()) {
      const { entry, newDay } = one;
      const shown = { ...one, repeats: repeats(one, all[number + 1], room) };
      if (newDay) put(`d${new Date(entry.at).toDateString()}`, () => dayItem(entry.at));
      if (room.divider !== null && entry.message?.message_id === room.divider) put('divider', dividerItem);
      put(this.#versionOf(shown, room), () => (entry.kind === 'note' ? noteItem(entry) : messageItem(shown, uses)));
    }
    if (room.loaded && items.length === 0)
      put('empty', () => el('li', { class: 'note' }, el('span', { text: t('emptyRoom') })));
    return items;
  }

  /**
   * What an item shows, in a word: as long as it stays the same, so does the item.
   *
   * @param {import('./message.js').Shown} shown
   * @param {import('./room.js').Room} room
   */
  #versionOf({ entry, goesOn, ends, repeats }, room) {
    if (entry.kind === 'note') return entry.key;
    const readers = room.receipts.of(entry.message.message_id).length;
    const waits = entry.state === 'queued' && this.#model.connection.state !== 'connected';
    return [entry.key, entry.state, goesOn, ends, repeats, readers, waits].join(' ');
  }

  // --- scrolling and reading ---

  #isNearEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroll;
    return scrollHeight - scrollTop - clientHeight < NEAR_END;
  }

  #toEnd() {
    this.#following = true;
    this.#scroll.scrollTop = this.#scroll.scrollHeight;
  }

  /** Begin with what is unread, else at the end. */
  #begin() {
    this.#following = !this.#model.current?.divider; // what is below has not been read then
    this.draw();
    const divider = this.#list.querySelector('.divider');
    if (divider) divider.scrollIntoView({ block: 'start' });
    else this.#toEnd();
    this.#scrolled();
  }

  #scrolled() {
    const { scrollTop } = this.#scroll;
    // Only who goes up wants to see something else; that the end is further away may be a picture that has come.
    this.#following = this.#isNearEnd() || (this.#following && scrollTop >= this.#top);
    this.#top = scrollTop;
    const room = this.#model.current;
    if (room) this.#tellJump(room);
    this.#read();
  }

  /** @param {import('./room.js').Room} room */
  #tellJump(room) {
    this.#jump.hidden = this.#following;
    const { count } = room.unread;
    this.#count.textContent = count > 0 ? `${t('newMessages')} ${count > 99 ? '99+' : count}` : '';
  }

  /** Confirm what is in sight. A page in the background has not been read. */
  #read() {
    const room = this.#model.current;
    if (!room?.loaded || document.visibilityState !== 'visible' || this.#scroll.clientHeight === 0) return;
    const id = this.#following ? room.newestId : this.#lastInSight();
    if (id !== null) this.#model.reading.upTo(room, id);
  }

  /** @returns {number | null} */
  #lastInSight() {
    const { bottom } = this.#scroll.getBoundingClientRect();
    const items = /** @type {any[]} */ ([...this.#list.querySelectorAll('.message.sent')]);
    const last = items.findLast((item) => item.getBoundingClientRect().bottom <= bottom + NEAR_END);
    return last ? Number(last.dataset.test.slice('message-'.length)) : null;
  }

  /** @param {number} messageId Go to it, however old it is. */
  async #reach(messageId) {
    const room = this.#model.current;
    if (!room) return;
    this.#following = false; // or the older pages would not stay in sight
    const found = await this.#model.history.reach(room, messageId).catch(() => false);
    const item = this.#list.querySelector(`[data-test="message-${messageId}"]`);
    if (!found || !item) return notice(t('quoteGone'));
    item.scrollIntoView({ block: 'center' });
    item.classList.add('found');
    item.focus({ preventScroll: true });
    setTimeout(() => item.classList.remove('found'), 1_500);
  }

  // --- keyboard ---

  /** Tab comes to one message only; arrows go to the others. */
  #oneTabStop() {
    const stops = this.#list.querySelectorAll('.message[tabindex="0"]');
    if (stops.length === 1 && (stops[0].contains(document.activeElement) || !stops[0].nextElementSibling)) return;
    for (const one of stops) one.tabIndex = -1;
    const last = [...this.#list.querySelectorAll('.message')].at(-1);
    if (last) last.tabIndex = 0;
  }

  /** @param {FocusEvent} event */
  #focused({ target }) {
    const item = /** @type {any} */ (target).closest('.message');
    for (const one of this.#list.querySelectorAll('.message, .reply, .quote')) {
      one.tabIndex = one === item || item?.contains(one) ? 0 : -1;
    }
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const item = /** @type {any} */ (event.target).closest('.message');
    const all = [...this.#list.querySelectorAll('.message')];
    const way = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (way) {
      all[all.indexOf(item) + way]?.focus();
      event.preventDefault();
    } else if (event.key === 'Enter' && event.target === item) {
      item.querySelector('.reply')?.click();
      event.preventDefault();
    }
  }
}

/**
 * Return whether the next message of the same author says the same of its readers.
 *
 * @param {import('./timeline.js').Arranged} one
 * @param {import('./timeline.js').Arranged | undefined} next
 * @param {import('./room.js').Room} room
 */
function repeats({ entry }, next, room) {
  if (!next?.goesOn || entry.kind !== 'message' || next.entry.state !== 'sent') return false;
  const readers = (/** @type {any} */ { message }) => room.receipts.of(message.message_id).join();
  return readers(entry) === readers(next.entry);
}
