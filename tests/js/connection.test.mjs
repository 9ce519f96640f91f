/** Connection: CONNECT, requests, events, and the policy of §10.3. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { AssaError, Connection } from '../../assa/web/assa/assa.js';
import { settle } from './clock.mjs';
import { FakeStorage } from './server.mjs';
import { ROOM, World } from './world.mjs';

const refused = (code) => (error) => error instanceof AssaError && error.code === code;

test('CONNECT carries token and device, and its data is what connect() brings (§3.1)', async () => {
  const world = new World();
  const page = world.page(7, { deviceId: 'tab-1', appVersion: '1.2' });
  const data = await page.connection.connect();
  assert.equal(data.user_id, 7);
  assert.equal(page.connection.userId, 7);
  assert.equal(page.connection.welcome, data);
  const [asked] = world.server.asked('CONNECT');
  assert.deepEqual(asked.data, {
    jwt_token: 'user-7-1',
    device_info: { platform: 'web', app_version: '1.2', device_id: 'tab-1' },
  });
  assert.match(asked.timestamp, /^2024-01-01T12:00:00\.000Z$/);
  assert.equal('session_id' in asked, false);
  assert.deepEqual(page.stateNames, ['connecting', 'connected']);
});

test('a second connect() waits for the first, and one that is connected is at once', async () => {
  const world = new World();
  const page = world.page(7);
  const [one, other] = await Promise.all([page.connection.connect(), page.connection.connect()]);
  assert.equal(one, other);
  assert.equal(await page.connection.connect(), one);
  assert.equal(world.server.sockets.length, 1);
});

test('a request brings the data of its answer, or an AssaError that says what the server said (§9.1)', async () => {
  const world = new World();
  const { connection } = await world.connected(7);
  assert.deepEqual(await connection.request('LIST_ROOMS', {}), { rooms: [] });
  world.server.refuse('LIST_ROOMS', 'RATE_LIMITED', { retry_after_ms: 300, error_details: 'too many' });
  const error = await connection.request('LIST_ROOMS', {}).catch((problem) => problem);
  assert.ok(error instanceof AssaError);
  assert.deepEqual([error.code, error.message, error.details, error.retryAfterMs], ['RATE_LIMITED', '실패', 'too many', 300]);
});

test('requests are refused while there is no connection', async () => {
  const world = new World();
  const page = world.page(7);
  await assert.rejects(page.connection.request('LIST_ROOMS'), refused('DISCONNECTED'));
  await page.connection.connect();
  const asked = page.connection.request('UNANSWERED');
  world.server.cut();
  await assert.rejects(asked, refused('DISCONNECTED'));
  await assert.rejects(page.connection.request('LIST_ROOMS'), refused('DISCONNECTED'));
});

test('a request without an answer fails after 10 s (§10.2), and its late answer does no harm', async () => {
  const world = new World();
  const page = await world.connected(7);
  world.server.LIST_ROOMS = () => {};
  const asked = assert.rejects(page.connection.request('LIST_ROOMS'), refused('REQUEST_TIMEOUT'));
  await world.clock.advance(9_999);
  assert.equal(page.connection.state, 'connected');
  await world.clock.advance(1);
  await asked;
  const { seq_id } = world.server.asked('LIST_ROOMS')[0];
  world.server.tell(7, 'LIST_ROOMS_RESPONSE', { rooms: [] }, { seq_id, success: true });
  await settle();
  assert.equal(page.connection.state, 'connected');
});

test('PING is answered with PONG and its seq_id (§8.2)', async () => {
  const world = new World();
  await world.connected(7);
  world.server.tell(7, 'PING', undefined, { seq_id: 's-99' });
  await settle();
  assert.deepEqual(world.server.asked('PONG').map((one) => one.seq_id), ['s-99']);
});

test('events are dispatched by their action, whole and in order', async () => {
  const world = new World();
  const page = await world.connected(7);
  const seen = world.server.publish('NEW_MESSAGE', { content: 'one' });
  world.server.publish('NEW_MESSAGE', { content: 'two' });
  await settle();
  assert.deepEqual(page.heard('NEW_MESSAGE')[0], seen);
  assert.deepEqual(page.contents, ['one', 'two']);
});

test('an event that comes a second time, or is older than the last, is dropped', async () => {
  const world = new World();
  const page = await world.connected(7);
  const seen = world.server.publish('NEW_MESSAGE', { content: 'one' });
  world.server.publish('NEW_MESSAGE', { content: 'two' });
  world.server.live[0].deliver(seen);
  await settle();
  assert.deepEqual(page.contents, ['one', 'two']);
});

test('what is not JSON, or no message, is not looked at', async () => {
  const world = new World();
  const page = await world.connected(7);
  for (const data of ['{', '[]', 'null', '{"action": 5}']) world.server.live[0].onmessage({ data });
  await settle();
  assert.equal(page.connection.state, 'connected');
});

// --- coming back ---

test('after a loss it comes back after 1 s, and says where it was (§10.3)', async () => {
  const world = new World();
  const page = await world.connected(7);
  world.server.publish('NEW_MESSAGE', { content: 'one' });
  await settle();
  const session = page.connection.welcome.session_id;
  const position = world.server.position;
  world.server.cut();
  await settle();
  assert.deepEqual(page.states.at(-1), {
    state: 'reconnecting',
    reason: 'the connection was lost',
    attempt: 1,
    delayMs: 1_000,
  });
  await world.clock.advance(1_000);
  assert.equal(page.connection.state, 'connected');
  const asked = world.server.asked('CONNECT')[1];
  assert.equal(asked.session_id, session);
  assert.equal(asked.data.last_seq_id, `e${position}`);
  assert.equal(page.tokens, 2, 'a fresh token for each CONNECT');
});

test('before any event it resumes from the position that CONNECT_RESPONSE told', async () => {
  const world = new World();
  const page = await world.connected(7);
  world.server.cut();
  world.server.publish('NEW_MESSAGE', { content: 'missed' });
  await world.clock.advance(1_000);
  assert.equal(world.server.asked('CONNECT')[1].data.last_seq_id, 'e1000');
  assert.deepEqual(page.contents, ['missed']);
});

test('missed events come once and in order, also when the connection is lost in the middle of them', async () => {
  const world = new World();
  const page = await world.connected(7);
  const told = [];
  for (let round = 0; round < 5; round += 1) {
    for (let number = 0; number < 4; number += 1) {
      const content = `${round}.${number}`;
      told.push(content);
      world.server.publish('NEW_MESSAGE', { content });
      if (number === 1) {
        await settle();
        world.server.cut();
      }
    }
    const socket = world.server.live[0];
    await world.clock.advance(1_000);
    // The replay breaks off behind its first event: what was heard is not said again.
    const replayed = world.server.live[0] ?? socket;
    replayed.break();
    await world.clock.advance(1_000);
  }
  assert.deepEqual(page.contents, told);
  assert.deepEqual(page.heard('gap'), []);
});

test('a replay that a loss cuts off goes on where it was cut off', async () => {
  const world = new World();
  const page = await world.connected(7);
  world.server.cut();
  for (const content of ['a', 'b', 'c', 'd']) world.server.publish('NEW_MESSAGE', { content });
  page.connection.addEventListener('NEW_MESSAGE', ({ detail }) => {
    if (detail.data.content === 'b') world.server.live[0].onmessage = null; // the rest of the stream is lost
  });
  await world.clock.advance(1_000);
  assert.deepEqual(page.contents, ['a', 'b']);
  world.server.cut();
  await world.clock.advance(1_000);
  assert.deepEqual(page.contents, ['a', 'b', 'c', 'd']);
});

test('at most three attempts, after 1, 2 and 4 s; then it says failed (§10.3)', async () => {
  const world = new World();
  const page = await world.connected(7);
  world.server.up = false;
  world.server.cut();
  await world.clock.advance(7_000);
  assert.deepEqual(
    page.states.slice(2).map((one) => [one.state, one.attempt, one.delayMs]),
    [['reconnecting', 1, 1_000], ['reconnecting', 2, 2_000], ['reconnecting', 3, 4_000], ['failed', 0, 0]],
  );
  assert.equal(world.server.sockets.length, 4);
  await world.clock.advance(3_600_000);
  assert.equal(world.server.sockets.length, 4, 'it is given up');
});

test('delays have a little jitter', async () => {
  const world = new World();
  const page = await world.connected(7, { random: () => 1 });
  world.server.cut();
  await settle();
  assert.equal(page.states.at(-1).delayMs, 1_200);
});

test('connect() begins anew after failed, resumes, and has three attempts again', async () => {
  const world = new World();
  const page = await world.connected(7);
  world.server.up = false;
  world.server.cut();
  await world.clock.advance(7_000);
  world.server.publish('NEW_MESSAGE', { content: 'missed' });
  await assert.rejects(page.connection.connect(), refused('DISCONNECTED'));
  assert.equal(page.connection.state, 'failed');
  world.server.up = true;
  await page.connection.connect();
  await settle();
  assert.deepEqual(page.contents, ['missed']);
  world.server.up = false;
  world.server.cut();
  await world.clock.advance(7_000);
  assert.equal(world.server.sockets.length, 1 + 3 + 1 + 1 + 3);
});

test('connect() does not wait for the next attempt', async () => {
  const world = new World();
  const page = await world.connected(7);
  world.server.cut();
  await settle();
  await page.connection.connect();
  assert.equal(page.connection.state, 'connected');
  await world.clock.advance(10_000);
  assert.equal(world.server.sockets.length, 2);
});

test('a connection that came back has three attempts again', async () => {
  const world = new World();
  const page = await world.connected(7);
  for (let loss = 0; loss < 5; loss += 1) {
    world.server.cut();
    await world.clock.advance(1_000);
    assert.equal(page.connection.state, 'connected');
  }
});

test('the first connect() that finds no server fails at once', async () => {
  const world = new World();
  world.server.up = false;
  const page = world.page(7);
  await assert.rejects(page.connection.connect(), refused('DISCONNECTED'));
  assert.deepEqual(page.stateNames, ['connecting', 'failed']);
});

test('a socket that tells of an error and not that it is closed is lost all the same', async () => {
  const world = new World();
  class Refused {
    readyState = 0;
    constructor() {
      queueMicrotask(() => this.onerror({}));
    }
    close() {}
  }
  const page = world.page(7, { WebSocket: Refused });
  await assert.rejects(page.connection.connect(), refused('DISCONNECTED'));
  assert.deepEqual(page.stateNames, ['connecting', 'failed']);
});

test('a server that accepts and says nothing is given up after 10 s', async () => {
  const world = new World();
  world.server.mute = true;
  const page = world.page(7);
  const connecting = assert.rejects(page.connection.connect(), refused('REQUEST_TIMEOUT'));
  await world.clock.advance(10_000);
  await connecting;
});

test('a socket that does not open is given up after 10 s', async () => {
  const world = new World();
  class Hanging {
    readyState = 0;
    close() {}
  }
  const page = world.page(7, { WebSocket: Hanging });
  const connecting = assert.rejects(page.connection.connect(), refused('DISCONNECTED'));
  await world.clock.advance(10_000);
  await connecting;
  assert.equal(page.connection.state, 'failed');
});

test('the announcement of a shutdown says when to come back', async () => {
  const world = new World();
  const page = await world.connected(7);
  world.server.tell(7, 'SERVER_ANNOUNCEMENT', { announcement_type: 'shutdown', reconnect_after_ms: 4_200 });
  await settle();
  world.server.live[0].break(1001, 'shutdown');
  await settle();
  assert.deepEqual([page.states.at(-1).delayMs, page.states.at(-1).reason], [4_200, 'closed: shutdown']);
  assert.equal(page.heard('SERVER_ANNOUNCEMENT').length, 1);
  await world.clock.advance(4_200);
  assert.equal(page.connection.state, 'connected');
  world.server.cut();
  await settle();
  assert.equal(page.states.at(-1).delayMs, 1_000, 'it was for that one time');
});

test('a refusal with retry_after_ms is not tried again before that', async () => {
  const world = new World();
  const page = await world.connected(7);
  world.server.refuse('CONNECT', 'SERVER_FULL', { retry_after_ms: 5_000 });
  world.server.cut();
  await world.clock.advance(1_000);
  assert.deepEqual(page.states.at(-1), { state: 'reconnecting', reason: 'SERVER_FULL', attempt: 2, delayMs: 5_000 });
  await world.clock.advance(5_000);
  assert.equal(page.connection.state, 'connected');
});

test('SERVICE_UNAVAILABLE without a request says why and when', async () => {
  const world = new World();
  const page = await world.connected(7);
  const data = { original_action: null, retry_after_ms: 3_000 };
  world.server.tell(7, 'ERROR', data, { error_code: 'SERVICE_UNAVAILABLE', success: false });
  world.server.cut();
  await settle();
  assert.deepEqual([page.states.at(-1).reason, page.states.at(-1).delayMs], ['SERVICE_UNAVAILABLE', 3_000]);
  assert.equal(page.heard('ERROR').length, 1);
});

test('nothing heard for 70 s is a loss; anything heard is a sign of life', async () => {
  const world = new World();
  const page = await world.connected(7);
  for (let minute = 0; minute < 5; minute += 1) {
    await world.clock.advance(60_000);
    world.server.tell(7, 'PING', undefined);
  }
  await world.clock.advance(69_000);
  assert.equal(page.connection.state, 'connected');
  await world.clock.advance(1_000);
  assert.equal(page.connection.state, 'reconnecting');
  assert.equal(page.connection.reason, 'nothing was heard from the server');
  await world.clock.advance(1_000);
  assert.equal(page.connection.state, 'connected');
});

test('SESSION_REPLACED closes for good: two tabs of one device do not fight', async () => {
  const world = new World();
  const page = await world.connected(7);
  const other = await world.connected(7, { store: page.store });
  await settle();
  assert.deepEqual([page.connection.state, page.connection.reason], ['closed', 'SESSION_REPLACED']);
  await world.clock.advance(60_000);
  assert.equal(page.connection.state, 'closed');
  assert.equal(other.connection.state, 'connected');
  page.network.dispatchEvent(new Event('online'));
  await world.clock.advance(60_000);
  assert.equal(page.connection.state, 'closed');
  await page.connection.connect(); // "use it here"
  await settle();
  assert.deepEqual([page.connection.state, other.connection.state], ['connected', 'closed']);
});

test("the browser's online event makes it try again after failed", async () => {
  const world = new World();
  const page = await world.connected(7);
  world.server.up = false;
  world.server.cut();
  await world.clock.advance(7_000);
  assert.equal(page.connection.state, 'failed');
  world.server.up = true;
  page.network.dispatchEvent(new Event('online'));
  await world.clock.advance(1_000);
  assert.equal(page.connection.state, 'connected');
});

test('online while connected asks whether the connection is alive', async () => {
  const world = new World();
  const page = await world.connected(7);
  page.network.dispatchEvent(new Event('online'));
  await settle();
  assert.equal(world.server.asked('PING').length, 1);
  await world.clock.advance(15_000);
  assert.equal(page.connection.state, 'connected');
  world.server.mute = true;
  page.network.dispatchEvent(new Event('online'));
  await world.clock.advance(10_000);
  assert.equal(page.connection.state, 'reconnecting');
});

test('gap: what was missed is too much', async () => {
  const world = new World();
  const page = await world.connected(7);
  const order = [];
  page.connection.addEventListener('state', ({ detail }) => order.push(detail.state));
  page.connection.addEventListener('gap', () => order.push('gap'));
  world.server.cut();
  world.server.keep = 1;
  for (const content of ['a', 'b', 'c']) world.server.publish('NEW_MESSAGE', { content });
  await world.clock.advance(1_000);
  assert.deepEqual(order, ['reconnecting', 'connected', 'gap']);
  assert.deepEqual(page.contents, []);
  world.server.publish('NEW_MESSAGE', { content: 'd' });
  await settle();
  assert.deepEqual(page.contents, ['d']);
});

test('gap: the positions of a server that was set up anew are lower, and count', async () => {
  const world = new World();
  const page = await world.connected(7);
  world.server.publish('NEW_MESSAGE', { content: 'old' });
  await settle();
  world.server.cut();
  world.server.keep = -1;
  world.server.position = 5;
  await world.clock.advance(1_000);
  world.server.publish('NEW_MESSAGE', { content: 'new' });
  await settle();
  assert.deepEqual(page.contents, ['old', 'new']);
  assert.equal(page.heard('gap').length, 1);
});

// --- tokens ---

test('a refused token: another is asked for once, on the same socket; then it says failed', async () => {
  for (const code of ['INVALID_TOKEN', 'AUTH_FAILED']) {
    const world = new World();
    world.server.refuse('CONNECT', code, {}, 1);
    const page = await world.connected(7);
    assert.equal(page.connection.state, 'connected');
    assert.deepEqual([page.tokens, world.server.sockets.length], [2, 1]);
    world.server.refuse('CONNECT', code, {}, 2);
    world.server.cut();
    await world.clock.advance(1_000);
    assert.deepEqual([page.connection.state, page.connection.reason], ['failed', code]);
    page.network.dispatchEvent(new Event('online'));
    await world.clock.advance(60_000);
    assert.equal(page.connection.state, 'failed', 'the network has nothing to do with it');
  }
});

test('PERMISSION_DENIED is not tried again', async () => {
  const world = new World();
  const page = await world.connected(7);
  world.server.refuse('CONNECT', 'PERMISSION_DENIED');
  world.server.cut();
  await world.clock.advance(10_000);
  assert.deepEqual([page.connection.state, world.server.sockets.length], ['failed', 2]);
});

test('no token to be had is a failed attempt', async () => {
  const world = new World();
  let away = true;
  const token = async () => {
    if (away) throw new Error('the login service is away');
    return 'user-7-1';
  };
  const page = world.page(7, { token });
  const error = await page.connection.connect().catch((problem) => problem);
  assert.ok(refused('DISCONNECTED')(error));
  assert.equal(error.message, 'the login service is away');
  away = false;
  await page.connection.connect();
  away = true;
  world.server.cut();
  await world.clock.advance(1_000);
  assert.equal(page.states.at(-1).attempt, 2);
  away = false;
  await world.clock.advance(2_000);
  assert.equal(page.connection.state, 'connected');
});

test('TOKEN_EXPIRING: the session goes on with a newer token (v1.1)', async () => {
  const world = new World();
  const page = await world.connected(7);
  world.server.publish('NEW_MESSAGE', { content: 'one' });
  world.server.tell(7, 'TOKEN_EXPIRING', { expires_at: '2024-01-01T12:01:00.000Z' });
  await settle();
  const renewal = world.server.asked('CONNECT')[1];
  assert.equal(renewal.data.jwt_token, 'user-7-2');
  assert.equal(world.server.sockets.length, 1);
  assert.deepEqual(page.stateNames, ['connecting', 'connected']);
  world.server.publish('NEW_MESSAGE', { content: 'two' });
  await settle();
  assert.deepEqual(page.contents, ['one', 'two']);
});

test('TOKEN_EXPIRING: a renewal that fails is tried again as long as there is time', async () => {
  const world = new World();
  await world.connected(7);
  world.server.refuse('CONNECT', 'SERVICE_UNAVAILABLE', { retry_after_ms: 1_000 }, 2);
  world.server.tell(7, 'TOKEN_EXPIRING', {});
  await world.clock.advance(25_000);
  assert.equal(world.server.asked('CONNECT').length, 4);
  await world.clock.advance(40_000);
  assert.equal(world.server.asked('CONNECT').length, 4);
});

test('a token that is a string is used as it is', async () => {
  const world = new World();
  const page = await world.connected(7, { token: 'user-7-fixed' });
  world.server.tell(7, 'TOKEN_EXPIRING', {});
  await settle();
  assert.deepEqual(world.server.asked('CONNECT').map((one) => one.data.jwt_token), ['user-7-fixed']);
  assert.equal(page.connection.state, 'connected');
});

// --- the end ---

test('close() ends the session (§3.2), forgets it, and stays closed', async () => {
  const world = new World();
  const page = await world.connected(7);
  await page.connection.close();
  assert.deepEqual(world.server.asked('DISCONNECT').map((one) => one.data), [{ reason: 'user_logout' }]);
  assert.equal(world.server.sessions.size, 0);
  await world.clock.advance(60_000);
  assert.deepEqual(page.stateNames, ['connecting', 'connected', 'closed']);
  const kept = JSON.parse(page.store.getItem('assa.session'));
  assert.deepEqual([kept.session_id, kept.last_seq_id], [null, null]);
  assert.ok(kept.device_id);
  page.network.dispatchEvent(new Event('online'));
  await world.clock.advance(60_000);
  assert.equal(page.connection.state, 'closed');
  await page.connection.connect();
  const asked = world.server.asked('CONNECT').at(-1);
  assert.equal('session_id' in asked || 'last_seq_id' in asked.data, false);
});

test('close() waits 2 s for a server that does not answer', async () => {
  const world = new World();
  const page = await world.connected(7);
  world.server.live[0].deaf = true;
  let done = false;
  const closing = page.connection.close().then(() => (done = true));
  await world.clock.advance(1_999);
  assert.equal(done, false);
  await world.clock.advance(1);
  await closing;
  assert.equal(world.server.live.length, 0);
});

test('close() while it is coming back stops that, and fails who waits for connect()', async () => {
  const world = new World();
  const page = await world.connected(7);
  world.server.cut();
  await settle();
  await page.connection.close();
  await world.clock.advance(60_000);
  assert.equal(world.server.sockets.length, 1);
  const connecting = page.connection.connect();
  const closing = page.connection.close();
  await assert.rejects(connecting, refused('DISCONNECTED'));
  await closing;
  await world.clock.advance(60_000);
  assert.equal(page.connection.state, 'closed');
  assert.equal(world.server.live.length, 0);
});

test('an event behind the farewell is not heard, and is no position to resume from', async () => {
  const world = new World();
  const page = await world.connected(7);
  world.server.publish('NEW_MESSAGE', { content: 'late' });
  await page.connection.close();
  assert.deepEqual(page.contents, []);
  assert.equal(JSON.parse(page.store.getItem('assa.session')).last_seq_id, null);
});

test('drop() is a loss like any other', async () => {
  const world = new World();
  const page = await world.connected(7);
  page.connection.drop('test');
  assert.deepEqual([page.connection.state, page.connection.reason], ['reconnecting', 'test']);
  await world.clock.advance(1_000);
  assert.equal(page.connection.state, 'connected');
});

// --- reload ---

test('a page that is reloaded resumes: session, position and device are kept', async () => {
  const world = new World();
  const page = await world.connected(7);
  world.server.publish('NEW_MESSAGE', { content: 'one' });
  await settle();
  const again = page.reload();
  world.server.publish('NEW_MESSAGE', { content: 'two' });
  const data = await again.connection.connect();
  await settle();
  assert.equal(data.session_id, page.connection.welcome.session_id);
  assert.equal(data.reconnection_info.resumed, true);
  assert.deepEqual(again.contents, ['two']);
  const [first, second] = world.server.asked('CONNECT').map((one) => one.data.device_info.device_id);
  assert.equal(first, second);
  assert.deepEqual(again.heard('gap'), []);
});

test('a page that is reloaded while the server is away tries as often as after a loss', async () => {
  const world = new World();
  const page = await world.connected(7);
  world.server.up = false;
  const again = page.reload();
  const connecting = again.connection.connect();
  await world.clock.advance(2_000);
  assert.deepEqual(again.states.map((one) => [one.state, one.attempt]), [
    ['connecting', 0],
    ['reconnecting', 1],
    ['reconnecting', 2],
  ]);
  world.server.up = true;
  await world.clock.advance(1_000);
  assert.equal((await connecting).reconnection_info.resumed, true);
  world.server.up = false;
  const third = again.reload();
  const failing = assert.rejects(third.connection.connect(), refused('DISCONNECTED'));
  await world.clock.advance(7_000);
  await failing;
  assert.equal(third.connection.state, 'failed');
  assert.equal(world.server.sockets.length, 1 + 3 + 4);
});

test('connect() during an automatic attempt waits for what comes of it', async () => {
  const world = new World();
  const page = await world.connected(7);
  world.server.cut();
  await settle();
  world.server.mute = true;
  await world.clock.advance(1_000);
  const connecting = page.connection.connect();
  assert.equal(world.server.sockets.length, 2);
  world.server.mute = false;
  await world.clock.advance(13_000);
  assert.equal((await connecting).user_id, 7);
  assert.equal(world.server.sockets.length, 3);
});

test('who closes it at the news that it is connecting has closed it', async () => {
  const world = new World();
  const page = world.page(7);
  page.connection.addEventListener('state', ({ detail }) => detail.state === 'connecting' && page.connection.close());
  await assert.rejects(page.connection.connect(), refused('DISCONNECTED'));
  await world.clock.advance(60_000);
  assert.deepEqual(page.stateNames, ['connecting', 'closed']);
  assert.equal(world.server.sockets.length, 0);
});

test('a store that is full, forbidden or broken is done without', async () => {
  const world = new World();
  const broken = {
    getItem: () => '{broken',
    setItem: () => {
      throw new Error('QuotaExceededError');
    },
    removeItem: () => {},
  };
  const page = await world.connected(7, { store: broken });
  const sent = await page.connection.sendMessage(ROOM, 'hello');
  assert.equal(sent.content, 'hello');
  assert.equal(page.connection.state, 'connected');
  await world.connected(8, { store: null });
  const odd = new FakeStorage();
  odd.setItem('assa.session', '{"session_id": 5, "last_seq_id": {}}');
  odd.setItem('assa.outbox', '{"messages": "no list"}');
  assert.equal((await world.connected(9, { store: odd })).connection.state, 'connected');
});

test("the server's time is known also where the clock is wrong", async () => {
  const world = new World();
  const page = world.page(7);
  world.clock.now = ((now) => () => now())(world.clock.now);
  const wrong = { ...world.clock, now: () => world.clock.now() - 3_600_000 };
  wrong.setTimeout = world.clock.setTimeout;
  wrong.clearTimeout = world.clock.clearTimeout;
  const { connection } = await world.connected(8, { clock: wrong });
  assert.equal(connection.serverNow, world.clock.now());
  assert.equal(page.connection.serverNow, world.clock.now());
});

test('the default clock and WebSocket are those of the platform', async () => {
  const connection = new Connection('not a url', { token: 'x' });
  await assert.rejects(connection.connect(), AssaError);
  assert.equal(connection.state, 'failed');
});
