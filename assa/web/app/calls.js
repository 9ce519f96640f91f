/** A video call: tiles of everybody, switches below. It goes on while its user reads and writes. */

import { Call } from '../assa/assa.js';
import { complain, notice } from './dialogs.js';
import { el, icon, iconButton } from './dom.js';
import { t } from './words.js';

/** Where the call that runs is kept, so that a page that is loaded anew goes back into it. */
const KEPT = 'assa.call';

export class CallView {
  #model;
  #call = /** @type {Call | null} */ (null);
  #stream = /** @type {MediaStream | null} */ (null);
  #room = /** @type {any} */ (null);
  #tiles = /** @type {Map<string, any>} */ (new Map());
  #grid = el('div', { class: 'tiles', test: 'tiles' });
  #controls = el('div', { class: 'call-controls', role: 'toolbar' });
  #alone = el('p', { class: 'faint alone', text: t('waitingForOthers') });
  element = el('section', { class: 'call', hidden: true, test: 'call', 'aria-label': t('callRunning') }, this.#grid, this.#alone, this.#controls);

  /** @param {import('./model.js').Model} model */
  constructor(model) {
    this.#model = model;
  }

  get call() {
    return this.#call;
  }

  /** Start the call of a room, or take part in the one that runs. */
  async enter(room) {
    if (this.#call) return;
    this.#stream = await this.#openMedia();
    try {
      await this.#join(room, await this.#model.callOf(room));
    } catch (error) {
      if (error.code === 'VIDEO_ROOM_NOT_FOUND') room.call = null;
      this.#ended();
      complain(error);
    }
  }

  /** Go back into the call that the page was in before it was loaded anew. */
  async goBack() {
    const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? 'null');
    const room = kept && this.#model.rooms.get(kept.roomId);
    if (!room || this.#call) return;
    sessionStorage.removeItem(KEPT);
    room.call ??= { id: kept.id, name: room.name };
    await this.enter(room);
  }

  async #join(room, id) {
    const on = (kind) => (this.#stream?.getTracks() ?? []).some((track) => track.kind === kind);
    const call = new Call(this.#model.connection, id, { media: { audio: on('audio'), video: on('video') } });
    this.#call = call;
    this.#room = room;
    await call.setStream(this.#stream);
    for (const type of ['participants', 'stream', 'peerstate', 'sharing']) call.addEventListener(type, () => this.#draw());
    call.addEventListener('closed', (event) => this.#closed(/** @type {CustomEvent} */ (event).detail));
    await call.join();
    sessionStorage.setItem(KEPT, JSON.stringify({ id, roomId: room.id }));
    this.element.hidden = false;
    this.#model.inCall(room.id);
    this.#draw();
  }

  /** Without a camera there is still the microphone, and without both there is seeing and hearing. */
  async #openMedia() {
    const devices = navigator.mediaDevices;
    let problem = 'HTTPS';
    for (const wanted of [{ audio: true, video: true }, { audio: true }, { video: true }]) {
      try {
        if (devices) return await devices.getUserMedia(wanted);
      } catch (error) {
        problem = error.name;
      }
    }
    notice(t('noCamera', { why: problem }));
    return null;
  }

  async leave() {
    await this.#call?.leave();
  }

  #closed({ reason, code }) {
    if (reason === 'moved') notice(t('callMoved'));
    else if (reason === 'ended' && this.#room) notice(code ? t('wrong', { why: code }) : t('callEnded'));
    sessionStorage.removeItem(KEPT);
    this.#ended();
  }

  #ended() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#call = null;
    this.#stream = null;
    this.#tiles.clear();
    this.#grid.replaceChildren();
    this.element.hidden = true;
    this.#model.inCall(null);
  }

  // --- what is shown ---

  #draw() {
    const call = this.#call;
    if (!call || call.state !== 'joined') return;
    const shown = [['self', call.self], ...call.participants.map((one) => [String(one.userId), one])];
    const keys = new Set(shown.map(([key]) => key));
    for (const [key, tile] of this.#tiles) {
      if (keys.has(key)) continue;
      tile.element.remove();
      this.#tiles.delete(key);
    }
    for (const [key, person] of shown) this.#drawTile(key, person);
    this.#grid.dataset.count = String(shown.length);
    this.#alone.hidden = shown.length > 1;
    this.#drawControls(call);
  }

  #drawTile(key, person) {
    const own = key === 'self';
    if (!this.#tiles.has(key)) this.#tiles.set(key, makeTile(key, own));
    const { element, video, name, mark } = this.#tiles.get(key);
    if (!element.isConnected) this.#grid.append(element);
    element.dataset.audio = person.audio ? 'on' : 'off';
    element.dataset.video = person.video ? 'on' : 'off';
    element.dataset.state = person.state ?? '';
    element.classList.toggle('mirrored', own && !this.#call?.sharing);
    name.textContent = own ? t('you', { name: person.nickname }) : person.nickname;
    mark.hidden = person.audio;
    if (video.srcObject !== person.stream) video.srcObject = person.stream;
  }

  #drawControls(call) {
    const { audio, video } = call.self;
    const camera = this.#stream?.getVideoTracks().length ? (call.sharing ? this.#stream.getVideoTracks()[0].enabled : video) : false;
    const focused = this.#controls.contains(document.activeElement) ? document.activeElement?.dataset.test : null;
    const can = (kind) => !this.#stream?.getTracks().some((track) => track.kind === kind);
    this.#controls.replaceChildren(
      iconButton(audio ? 'mic' : 'micOff', t(audio ? 'mute' : 'unmute'), 'call-mute', () => this.#switch(() => call.setAudio(!audio)), { 'aria-pressed': String(!audio), disabled: can('audio') }),
      iconButton(camera ? 'video' : 'videoOff', t(camera ? 'cameraOff' : 'cameraOn'), 'call-camera', () => this.#switch(() => call.setVideo(!camera)), { 'aria-pressed': String(!camera), disabled: can('video') }),
      iconButton('screen', t(call.sharing ? 'stopShare' : 'share'), 'call-share', () => this.#share(call), { 'aria-pressed': String(call.sharing), hidden: !navigator.mediaDevices?.getDisplayMedia }),
      iconButton('hangUp', t('leaveCall'), 'call-leave', () => this.leave().catch(complain), { class: 'icon-button hang-up' }),
    );
    if (focused) this.#controls.querySelector(`[data-test="${focused}"]`)?.focus();
  }

  #switch(change) {
    change();
    this.#draw();
  }

  async #share(call) {
    try {
      if (call.sharing) await call.stopSharing();
      else await call.shareScreen(await navigator.mediaDevices.getDisplayMedia({ video: true }));
    } catch (error) {
      if (error.name !== 'NotAllowedError') complain(error); // else the user has thought better of it
    }
  }
}

/**
 * @param {string} key
 * @param {boolean} own One does not hear oneself.
 */
function makeTile(key, own) {
  const video = el('video', { autoplay: true, playsinline: true, test: `video-${key}` });
  video.muted = own;
  const name = el('span', { class: 'tile-name' });
  const mark = el('span', { class: 'tile-muted', role: 'img', 'aria-label': t('muted') }, icon('micOff'));
  const element = el('figure', { class: 'tile', test: `tile-${key}` }, video, el('figcaption', {}, mark, name));
  return { element, video, name, mark };
}
