/**
 * The web client: logs in, connects, puts the views together.
 *
 * Elements that tests look for carry `data-test`:
 * - logging in: login-user, login-nickname, login-go, login-token, login-token-go, login-problem, splash;
 * - always: connection-state (its `data-state` is that of the connection; seen only while there is none),
 *   connect-again, login-again, announcement (`data-priority`), announcement-close, notice, dialog-close;
 * - rooms: whoami, language, logout, rooms, room-ID, unread-ID, create-room, create-name, create-about, create-open,
 *   create-go, join-room, join-room-id, join-go, invitation-ID, invitation-accept, invitation-later;
 * - the open room: room-title, back, invite, invite-user, invite-go, room-info, room-number, members, leave-room,
 *   leave-go, messages, message-ID (`data-state`), message-waiting, message-reply, message-quote, message-again,
 *   message-discard, read-by, note, divider, older, jump, composer, send, replying, cancel-reply;
 * - pictures: attach, attach-input, uploads, upload, upload-failed, upload-again, upload-cancel, image, image-failed,
 *   lightbox, lightbox-close;
 * - calls: call-start, call-join, media-problem, media-again, media-audio, media-none, media-cancel, call, call-clock,
 *   call-whole, tiles, tile-self, tile-USER (`data-audio`, `data-video`: on or off, `data-state`), video-self,
 *   video-USER, zoom-self, zoom-USER, call-sound, call-mute, call-camera, call-share, call-leave.
 *
 * `globalThis.assa` has the connection and the call that there are now.
 */

import { Connection } from '../assa/assa.js';
import { askMedia } from './askmedia.js';
import { bannerView } from './banner.js';
import { CallView } from './callview.js';
import { Conversation } from './conversation.js';
import { joinRoom } from './dialogs.js';
import { button, el } from './dom.js';
import { keepLogin, keptLogin, loginView, nameOf, tokenOf } from './login.js';
import { Memory } from './memory.js';
import { Model } from './model.js';
import { complain } from './notices.js';
import { OwnCall } from './owncall.js';
import { roomsView } from './rooms.js';
import { followAddress, roomOfAddress } from './route.js';
import { chooseLanguage, faultText, language, t } from './words.js';

/** Errors of CONNECT after which the same login is of no use. */
const REFUSED = new Set(['AUTH_FAILED', 'INVALID_TOKEN', 'PERMISSION_DENIED']);

/** What the server says of itself. */
let config = { development: false, uploads: false, websocket: '/ws', version: '' };
let connection = /** @type {Connection | null} */ (null);
let ownCall = /** @type {OwnCall | null} */ (null);
let unfollow = () => {};

Object.defineProperty(globalThis, 'assa', {
  value: Object.freeze({
    get connection() {
      return connection;
    },
    get call() {
      return ownCall?.call ?? null;
    },
  }),
});

/** @param {...Node} views */
function show(...views) {
  document.querySelector('#page')?.replaceChildren(...views);
}

/** In another language the page begins anew, and goes on where it was, as after any reload. */
function switchLanguage() {
  chooseLanguage(language() === 'ko' ? 'en' : 'ko');
  location.reload();
}

/** @param {string} [problem] */
function askWho(problem = '') {
  document.body.className = '';
  const entered = (/** @type {import('./login.js').Login} */ login) => enter(login, false).catch(complain);
  show(loginView({ development: config.development, problem, enter: entered, switchLanguage }));
}

/**
 * @param {import('./login.js').Login} login
 * @param {boolean} again Whether it was good before: a server that is away does not make it bad.
 */
async function enter(login, again) {
  const url = new URL(config.websocket, location.href);
  url.protocol = url.protocol.replace('http', 'ws');
  connection ??= new Connection(url.href, { token: tokenOf(login), store: sessionStorage, appVersion: config.version });
  const connecting = connection.connect();
  if (again) splash(login, t('connecting'));
  try {
    await connecting;
    keepLogin(login);
    await begin(connection, login);
  } catch (error) {
    await notEntered(login, again, error);
  }
}

/**
 * @param {import('./login.js').Login} login
 * @param {boolean} again
 * @param {any} error
 */
async function notEntered(login, again, error) {
  console.debug('assa:', error);
  if (again && !REFUSED.has(error.code))
    return splash(login, t('disconnected'), () => enter(login, true).catch(complain));
  if (again) keepLogin(null);
  else await logOut();
  connection = null; // where it was good before, what is not sent yet waits for the same user
  return askWho(faultText(error));
}

/** The login has run out: the session waits for the same user, with what is not sent yet. */
function loginAgain() {
  keepLogin(null);
  location.reload();
}

/**
 * @param {import('./login.js').Login} login
 * @param {string} words
 * @param {() => void} [retry]
 */
function splash(login, words, retry) {
  const state = el('p', { role: 'status', text: words });
  const buttons = [
    retry && button(t('tryAgain'), retry, { class: 'primary', test: 'connect-again' }),
    button(t('logout'), leave, { test: 'logout' }),
  ];
  const logo = el('img', { src: 'app/icon.svg', alt: '', width: 56, height: 56 });
  show(
    el(
      'main',
      { class: 'login' },
      el('div', { class: 'card splash', test: 'splash' }, logo, state, ...buttons.filter(Boolean)),
    ),
  );
}

/**
 * @param {Connection} connected
 * @param {import('./login.js').Login} login
 */
async function begin(connected, login) {
  const model = new Model(connected, new Memory(sessionStorage, connected.userId));
  await model.load();
  ownCall = new OwnCall(model, askMedia);
  draw(model, ownCall, nameOf(login) || `#${model.userId}`);
  model.addEventListener('rooms', () => tellTitle(model));
  tellTitle(model);
  await openAddress(model);
  unfollow = followAddress(model);
  await ownCall.goBack().catch(complain);
}

/** @param {Model} model */
async function openAddress(model) {
  const roomId = roomOfAddress();
  if (roomId === null) return;
  if (model.rooms.get(roomId)) await model.open(roomId).catch(complain);
  else joinRoom(model, (entered) => model.open(entered), roomId);
}

/**
 * @param {Model} model
 * @param {OwnCall} call
 * @param {string} nickname
 */
function draw(model, call, nickname) {
  const again = () =>
    model.connection
      .connect()
      .then(() => model.load())
      .catch(() => {}); // the state is shown
  const conversation = new Conversation(model, {
    uploads: config.uploads,
    call: (room) => call.enter(room).catch(complain),
    inCall: () => call.room?.id ?? null,
  });
  call.addEventListener('changed', () => conversation.drawHead());
  const rooms = roomsView(model, { nickname, logout: leave, switchLanguage });
  const side = el('div', { class: 'room-side' }, new CallView(call, model).element, conversation.element);
  show(bannerView(model, { again, loginAgain }), el('div', { class: 'columns' }, rooms, side));
}

/** @param {Model} model */
function tellTitle(model) {
  const { unread } = model.rooms;
  document.title = unread > 0 ? `(${unread > 99 ? '99+' : unread}) ${t('title')}` : t('title');
}

/** End the session, and begin as a stranger: of what was shown nothing stays. */
async function leave() {
  await logOut();
  location.replace(location.pathname);
}

async function logOut() {
  unfollow();
  await ownCall?.leave().catch(() => {});
  keepLogin(null);
  new Memory(sessionStorage, null).forget();
  await connection?.close();
  connection = ownCall = null;
}

async function start() {
  chooseLanguage();
  config = await (await fetch('config.json')).json();
  const login = keptLogin();
  if (login) await enter(login, true);
  else askWho();
}

start().catch(complain);
