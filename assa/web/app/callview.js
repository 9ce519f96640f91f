/** A video call as it is shown: tiles of everybody, switches below. */

import { button, el, icon, iconButton, place, refill } from './dom.js';
import { complain, notice } from './notices.js';
import { canShare } from './media.js';
import { Tile } from './tile.js';
import { clockText, columnsFor } from './tiling.js';
import { faultText, t } from './words.js';

export class CallView {
  #own;
  #model;
  /** @type {Map<string, Tile>} */
  #tiles = new Map();
  /** @type {string | null} Whose tile is the large one. */
  #zoomed = null;
  #focused = false;
  #title = el('h2', { class: 'cut' });
  #clock = el('span', { class: 'call-clock', test: 'call-clock' });
  #grid = el('div', { class: 'tiles', test: 'tiles' });
  #alone = el('p', { class: 'alone', role: 'status' });
  #sound = button(t('soundOn'), () => this.#playAll(), { class: 'primary sound', test: 'call-sound', hidden: true });
  #controls = el('div', { class: 'call-controls', role: 'toolbar', 'aria-label': t('call') });
  #whole;
  element;

  /**
   * @param {import('./owncall.js').OwnCall} own
   * @param {import('./model.js').Model} model
   */
  constructor(own, model) {
    this.#own = own;
    this.#model = model;
    this.#whole = iconButton('enlarge', t('wholeCall'), 'call-whole', () => this.#toggleWhole());
    const clicked = () => this.#openRoom();
    const room = el(
      'button',
      { type: 'button', class: 'call-room', on: { click: clicked } },
      icon('video'),
      this.#title,
    );
    const head = el('header', { class: 'call-head' }, room, this.#clock, this.#whole);
    const stage = el('div', { class: 'stage' }, this.#grid, this.#alone, this.#sound);
    const shown = { class: 'call', hidden: true, test: 'call', 'aria-label': t('call') };
    this.element = el('section', shown, head, stage, this.#controls);
    own.addEventListener('changed', () => this.draw());
    own.addEventListener('closed', (event) => this.#closed(/** @type {CustomEvent} */ (event).detail));
    new ResizeObserver(() => this.#arrange()).observe(this.#grid);
    setInterval(() => this.#tick(), 1_000);
  }

  draw() {
    const { call, room, state } = this.#own;
    this.element.hidden = state === 'none' || (state === 'joining' && !call);
    document.body.classList.toggle('calling', !this.element.hidden);
    if (this.element.hidden) return this.#clear();
    this.#title.textContent = room?.name ?? '';
    if (!call) return undefined;
    const shown = new Map([
      ['self', call.self],
      ...call.participants.map((one) => /** @type {any} */ ([String(one.userId), one])),
    ]);
    this.#drawTiles(shown, call.sharing);
    const words = state === 'joining' ? t('joiningCall') : t('waitingForOthers');
    this.#alone.textContent = state === 'joining' || shown.size === 1 ? words : '';
    this.#drawControls();
    this.#tick();
    this.#takeFocus(state);
    return undefined;
  }

  /**
   * The button that started it has gone, and the focus with it.
   *
   * @param {string} state
   */
  #takeFocus(state) {
    if (state !== 'joined' || this.#focused) return;
    this.#focused = true;
    if (document.activeElement === document.body)
      /** @type {any} */ (this.#controls.querySelector('[data-test="call-mute"]'))?.focus({ focusVisible: false });
  }

  #tick() {
    const { since } = this.#own;
    this.#clock.textContent = since ? clockText(Date.now() - since) : '';
  }

  // --- tiles ---

  /**
   * @param {Map<string, any>} shown
   * @param {boolean} sharing
   */
  #drawTiles(shown, sharing) {
    for (const [key, tile] of this.#tiles) {
      if (shown.has(key)) continue;
      tile.close();
      this.#tiles.delete(key);
    }
    if (this.#zoomed && (!shown.has(this.#zoomed) || shown.size === 1)) this.#zoomed = null;
    for (const [key, person] of shown) {
      const tile =
        this.#tiles.get(key) ??
        new Tile(key, person, { zoom: (one) => this.#zoom(one), silenced: () => (this.#sound.hidden = false) });
      this.#tiles.set(key, tile);
      if (!tile.element.isConnected) this.#grid.append(tile.element);
      tile.draw(person, { mirrored: key === 'self' && !sharing, large: key === this.#zoomed });
    }
    place(
      this.#grid,
      [...shown.keys()].map((key) => /** @type {Tile} */ (this.#tiles.get(key)).element),
    );
    this.#arrange();
  }

  /** Give each tile as much room as there is. */
  #arrange() {
    const count = this.#tiles.size;
    const { clientWidth: width, clientHeight: height } = this.#grid;
    if (count === 0 || width === 0) return;
    this.#grid.dataset.count = String(count);
    this.#grid.classList.toggle('zoomed', this.#zoomed !== null);
    const columns = this.#zoomed ? count - 1 : columnsFor(count, width, height);
    this.#grid.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
  }

  /** @param {string} key */
  #zoom(key) {
    this.#zoomed = this.#zoomed === key ? null : key;
    this.draw();
  }

  #playAll() {
    this.#sound.hidden = true;
    for (const tile of this.#tiles.values()) tile.play().catch(() => {});
  }

  #clear() {
    for (const tile of this.#tiles.values()) tile.close();
    this.#tiles.clear();
    this.#zoomed = null;
    this.#focused = false;
    this.#sound.hidden = true;
    this.#controls.replaceChildren();
    document.body.classList.remove('whole-call');
  }

  // --- switches ---

  #drawControls() {
    const { audio, video, sharing } = this.#own.sends;
    const joined = this.#own.state === 'joined';
    const how = (/** @type {boolean} */ pressed) => ({ 'aria-pressed': String(pressed), disabled: !joined });
    const device = (/** @type {'audio' | 'video'} */ kind) => () =>
      this.#own.toggle(kind).catch((error) => notice(faultText(error), 'bad'));
    const screen = () => this.#own.toggleShare().catch((error) => this.#notShared(error));
    refill(
      this.#controls,
      iconButton(audio ? 'mic' : 'micOff', t(audio ? 'mute' : 'unmute'), 'call-mute', device('audio'), how(!audio)),
      iconButton(
        video ? 'video' : 'videoOff',
        t(video ? 'cameraOff' : 'cameraOn'),
        'call-camera',
        device('video'),
        how(!video),
      ),
      canShare() && iconButton('screen', t(sharing ? 'stopShare' : 'share'), 'call-share', screen, how(sharing)),
      iconButton('hangUp', t('leaveCall'), 'call-leave', () => this.#own.leave().catch(complain), {
        class: 'icon-button hang-up',
      }),
    );
    this.#controls.querySelector('[data-test="call-share"]')?.classList.toggle('busy', sharing);
  }

  /** @param {any} error Of sharing the screen; who changes his mind need not be told. */
  #notShared(error) {
    const changed = error.name === 'NotAllowedError' && !/system/i.test(error.message);
    if (!changed) notice(t('noShare', { why: error.message }), 'bad');
  }

  #toggleWhole() {
    const whole = document.body.classList.toggle('whole-call');
    const label = t(whole ? 'callAndChat' : 'wholeCall');
    this.#whole.setAttribute('aria-pressed', String(whole));
    this.#whole.setAttribute('aria-label', label);
    this.#whole.title = label;
    this.#whole.replaceChildren(icon(whole ? 'chat' : 'enlarge'));
  }

  #openRoom() {
    if (this.#own.room) this.#model.open(this.#own.room.id).catch(complain);
  }

  /** @param {{reason: string, code?: string}} detail */
  #closed({ reason, code }) {
    if (reason === 'moved') notice(t('callMoved'));
    else if (reason === 'ended')
      notice(code ? t('wrong', { why: faultText({ code, message: code }) }) : t('callEnded'));
  }
}
