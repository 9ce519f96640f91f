/**
 * The web client: logs in, connects, puts the views together.
 *
 * Elements that tests look for carry `data-test`: login-user, login-nickname, login-go, login-token, login-token-go,
 * whoami, logout, language, connection-state (its `data-state` is that of the connection), connect-again,
 * announcement; rooms, room-ID, unread-ID, create-room, create-name, create-open, create-go, join-room,
 * join-room-id, join-go, invitation-ID, invitation-accept; room-title, back, invite, invite-user, invite-go,
 * room-info, leave-room, leave-go, messages, message-ID (its `data-state`), message-waiting, message-reply,
 * message-quote, read-by, older, jump, composer, send, replying, attach, attach-input, upload, upload-failed,
 * image; call-start, call-join, call, tiles, tile-self, tile-USER (`data-audio`, `data-video`: on or off,
 * `data-state`), video-USER, call-mute, call-camera, call-share, call-leave; notice.
 *
 * `globalThis.assa` has the connection and the call that there are now.
 */

import { Connection } from '../assa/assa.js';
import { bannerView } from './banner.js';
import { CallView } from './calls.js';
import { conversationView } from './conversation.js';
import { complain } from './dialogs.js';
import { el } from './dom.js';
import { keepLogin, keptLogin, loginView, tokenOf } from './login.js';
import { Model } from './model.js';
import { roomsView } from './rooms.js';
import { chooseLanguage } from './words.js';

/** What the server says of itself. */
let config = { development: false, uploads: false, websocket: '/ws', version: '' };
let connection = /** @type {Connection | null} */ (null);
let calls = /** @type {CallView | null} */ (null);

Object.defineProperty(globalThis, 'assa', {
  value: Object.freeze({
    get connection() {
      return connection;
    },
    get call() {
      return calls?.call ?? null;
    },
  }),
});

/** @param {...Node} views */
function show(...views) {
  document.querySelector('#page')?.replaceChildren(...views);
}

/** In another language: the page begins anew, and goes on where it was, as after any reload. */
function redraw() {
  location.reload();
}

/** @param {string} [problem] */
function askWho(problem = '') {
  document.body.className = '';
  show(loginView({ development: config.development, problem, enter, redraw }));
}

/** @param {import('./login.js').Login} login */
async function enter(login) {
  const url = new URL(config.websocket, location.href);
  url.protocol = url.protocol.replace('http', 'ws');
  connection = new Connection(url.href, {
    token: tokenOf(login),
    store: sessionStorage,
    appVersion: config.version,
  });
  const model = new Model(connection);
  calls = new CallView(model);
  try {
    await connection.connect();
  } catch (error) {
    if (connection.state === 'connected') return;
    connection.close();
    keepLogin(null);
    askWho(`${error.message}${error.details ? ` (${error.details})` : ''}`);
    return;
  }
  keepLogin(login);
  await model.load().catch(complain);
  draw(model, login);
  calls.goBack().catch(complain);
}

/**
 * @param {Model} model
 * @param {import('./login.js').Login} login
 */
function draw(model, login) {
  const view = /** @type {CallView} */ (calls);
  const banner = bannerView(model, {
    nickname: login.nickname || `#${model.userId}`,
    logout: () => leave(model),
    again: () => model.connection.connect().then(() => model.load(), complain),
    redraw,
  });
  const conversation = conversationView(model, {
    uploads: config.uploads,
    call: (room) => view.enter(room).catch(complain),
  });
  show(banner, el('div', { class: 'columns' }, roomsView(model), el('div', { class: 'room-side' }, view.element, conversation)));
}

/** @param {Model} model */
async function leave(model) {
  await calls?.leave().catch(() => {});
  keepLogin(null);
  await model.connection.close();
  connection = calls = null;
  askWho();
}

async function start() {
  chooseLanguage();
  config = await (await fetch('/config.json')).json();
  const login = keptLogin();
  if (login) await enter(login);
  else askWho();
}

start().catch(complain);
