/** One participant of a call: a picture, or the letter of a name where there is none. */

import { avatar, el, icon, iconButton } from './dom.js';
import { fitOf } from './tiling.js';
import { t } from './words.js';

export class Tile {
  #own;
  #sound;
  #video;
  #name = el('span', { class: 'tile-name cut' });
  #marks = el('span', { class: 'tile-marks' });
  #state = el('span', { class: 'tile-state' });
  #face = el('div', { class: 'tile-face' });
  #zoom;
  element;

  /**
   * @param {string} key
   * @param {any} person
   * @param {{zoom: (key: string) => void, silenced: () => void}} uses Told when the browser lets no sound be heard.
   */
  constructor(key, person, { zoom, silenced }) {
    this.#own = key === 'self';
    this.#sound = silenced;
    this.#video = el('video', { autoplay: true, playsinline: true, test: `video-${key}` });
    this.#video.muted = this.#own; // one does not hear oneself
    this.#zoom = iconButton('enlarge', t('enlarge', { name: person.nickname }), `zoom-${key}`, () => zoom(key), {
      class: 'icon-button tile-zoom',
    });
    this.#face.append(avatar(person.nickname || '?', person.userId ?? 0, 'person large'));
    const caption = el('figcaption', {}, this.#marks, this.#name);
    this.element = el(
      'figure',
      { class: 'tile', test: `tile-${key}` },
      this.#video,
      this.#face,
      this.#state,
      caption,
      this.#zoom,
    );
    new ResizeObserver(() => this.#fit()).observe(this.element);
    this.#video.addEventListener('resize', () => this.#fit());
  }

  /**
   * @param {any} person
   * @param {{mirrored: boolean, large: boolean}} how
   */
  draw(person, { mirrored, large }) {
    const { nickname, audio, video, state = '' } = person;
    Object.assign(this.element.dataset, { audio: audio ? 'on' : 'off', video: video ? 'on' : 'off', state });
    this.element.classList.toggle('mirrored', mirrored);
    this.element.classList.toggle('large', large);
    this.#name.textContent = this.#own ? t('you', { name: nickname }) : nickname;
    this.#state.textContent = textOf(state);
    this.#mark(audio, video);
    const label = large ? t('reduce') : t('enlarge', { name: nickname });
    this.#zoom.title = label;
    this.#zoom.setAttribute('aria-label', label);
    this.#zoom.replaceChildren(icon(large ? 'reduce' : 'enlarge'));
    this.#show(person.stream);
    this.#fit();
  }

  /** Try to be heard again, after the user has done something. */
  play() {
    return this.#video.play();
  }

  close() {
    this.#video.srcObject = null;
    this.element.remove();
  }

  /**
   * @param {boolean} audio
   * @param {boolean} video
   */
  #mark(audio, video) {
    const shown = `${audio} ${video}`;
    if (this.#marks.dataset.shown === shown) return;
    this.#marks.dataset.shown = shown;
    const mark = (/** @type {any} */ picture, /** @type {string} */ label) =>
      el('span', { role: 'img', 'aria-label': label, title: label }, icon(picture));
    this.#marks.replaceChildren(
      ...[!audio && mark('micOff', t('muted')), !video && mark('videoOff', t('cameraIsOff'))].filter(
        (one) => one !== false,
      ),
    );
  }

  /** @param {MediaStream | null} stream */
  #show(stream) {
    if (this.#video.srcObject === stream) return;
    this.#video.srcObject = stream;
    if (!stream) return;
    this.#video.play().catch((/** @type {any} */ error) => {
      if (error.name === 'NotAllowedError' && !this.#own) this.#sound();
    });
  }

  #fit() {
    const { videoWidth, videoHeight } = this.#video;
    const { clientWidth, clientHeight } = this.element;
    this.#video.style.objectFit = fitOf(videoWidth / videoHeight, clientWidth / clientHeight);
  }
}

/** @param {string} state Of the way to a participant. */
function textOf(state) {
  if (state === 'new' || state === 'connecting') return t('peerConnecting');
  return state === 'failed' || state === 'disconnected' ? t('peerLost') : '';
}
