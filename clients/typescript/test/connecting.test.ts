/** Coming, going and coming back (§3, §10.2, §10.3). */

import assert from 'node:assert/strict';
import test from 'node:test';

import { AssaError } from 'assa-client';

import { type Json, settled, World } from './world.js';

const refusedWith = (code: string) => (error: unknown) => error instanceof AssaError && error.code === code;

test('CONNECT says who and on what device, and its answer is the result (§3.1)', async () => {
  const world = new World({ platform: 'android', appVersion: '1.2' });
  const connected = world.client.connect();
  await settled();
  const request = await world.wire.welcome({ user: 5 });
  assert.deepEqual(request['data'], {
    jwt_token: 'jwt',
    device_info: { platform: 'android', app_version: '1.2', device_id: 'phone' },
  });
  assert.equal(request['session_id'], undefined);
  assert.match(request['timestamp'], /^2024-01-01T12:00:00.000Z$/);
  assert.equal((await connected).user_id, 5);
  assert.equal(world.client.userId, 5);
  assert.deepEqual(world.states.map(({ state }) => state), ['connecting', 'connected']);
});

test('a first CONNECT that finds no server fails at once', async () => {
  const world = new World();
  const connected = world.client.connect();
  await settled();
  await world.wire.lose('refused');
  await assert.rejects(connected, refusedWith('DISCONNECTED'));
  assert.deepEqual([world.state, world.client.reason], ['failed', 'refused']);
  await world.clock.advance(60_000);
  assert.equal(world.wires.length, 1);
});

test('a lost connection is tried for after 1, 2 and 4 seconds, then it has failed (§10.3)', async () => {
  const world = new World();
  const wire = await world.connected();
  await wire.lose();
  for (const [attempt, delayMs] of [1_000, 2_000, 4_000].entries()) {
    assert.deepEqual(world.states.at(-1), {
      state: 'reconnecting',
      reason: 'cut',
      next: { attempt: attempt + 1, delayMs },
    });
    await world.clock.advance(delayMs - 1);
    assert.equal(world.wires.length, attempt + 1);
    await world.clock.advance(1);
    assert.equal(world.wires.length, attempt + 2);
    await world.wire.lose();
  }
  assert.equal(world.state, 'failed');
  await world.clock.advance(600_000);
  assert.equal(world.wires.length, 4);
});

test('after a failure connect() goes on with the same session', async () => {
  const world = new World();
  const wire = await world.connected();
  await wire.lose();
  for (const ms of [1_000, 2_000, 4_000]) {
    await world.clock.advance(ms);
    await world.wire.lose();
  }
  const connected = world.client.connect();
  await settled();
  const request = await world.wire.welcome({ resumed: true });
  assert.equal(request['session_id'], 's1');
  await connected;
  assert.equal(world.state, 'connected');
});

test('three new attempts follow each success', async () => {
  const world = new World();
  await world.connected();
  for (let times = 0; times < 5; times += 1) await world.comeBack({ resumed: true });
  assert.equal(world.state, 'connected');
});

test('the delays are a fifth longer at most, by chance', async () => {
  const world = new World({ random: () => 0.999_999 });
  const wire = await world.connected();
  await wire.lose();
  assert.equal(world.states.at(-1)?.next?.delayMs, 1_200);
});

test('what the server says of when to come back wins', async () => {
  const world = new World();
  const wire = await world.connected();
  await wire.event('SERVER_ANNOUNCEMENT', 's-1', { title: '', message: '', reconnect_after_ms: 7_500 });
  await wire.lose();
  assert.equal(world.states.at(-1)?.next?.delayMs, 7_500);
});

test('also when it is sooner, but not without a pause, nor for ever', async () => {
  for (const [said, delayMs] of [[300, 300], [0, 100], [-5, 100], [1e12, 3_600_000], ['1', 1_000]] as const) {
    const world = new World();
    const wire = await world.connected();
    await wire.event('SERVER_ANNOUNCEMENT', 's-1', { title: '', message: '', reconnect_after_ms: said });
    await wire.lose();
    assert.equal(world.states.at(-1)?.next?.delayMs, delayMs);
    await world.clock.advance(delayMs);
    await world.wire.lose();
    assert.equal(world.states.at(-1)?.next?.delayMs, 2_000); // it counts for one attempt
    await world.client.close();
  }
});

test('so does the time of an ERROR without a request', async () => {
  const world = new World();
  const wire = await world.connected();
  const data = { original_action: null, error_details: '', retry_after_ms: 5_000 };
  await wire.say({ action: 'ERROR', success: false, error_code: 'SERVICE_UNAVAILABLE', seq_id: 's-2', data });
  await wire.lose();
  assert.equal(world.client.reason, 'SERVICE_UNAVAILABLE');
  assert.equal(world.states.at(-1)?.next?.delayMs, 5_000);
});

test('a server that takes the connection and says nothing is given up after 10 s', async () => {
  const world = new World();
  const connected = world.client.connect();
  await world.clock.advance(10_000);
  await assert.rejects(connected, refusedWith('DISCONNECTED'));
  assert.ok(world.wire.closed);
});

test('so is one that does not answer CONNECT, which harms no later connection (§10.2)', async () => {
  const world = new World();
  await (await world.connected()).lose();
  await world.clock.advance(1_000);
  await world.wire.open();
  await world.clock.advance(10_000);
  assert.deepEqual(world.states.at(-1), {
    state: 'reconnecting',
    reason: 'REQUEST_TIMEOUT',
    next: { attempt: 2, delayMs: 2_000 },
  });
  await world.clock.advance(2_000);
  await world.wire.welcome({ resumed: true });
  await world.clock.advance(60_000);
  assert.equal(world.state, 'connected');
});

test('a refused token is asked for once more', async () => {
  const tokens = ['old', 'new'];
  const world = new World({ token: async () => tokens.shift() ?? '' });
  const connected = world.client.connect();
  await settled();
  await world.wire.open();
  await world.wire.refuse(await world.wire.next('CONNECT'), 'INVALID_TOKEN');
  const request = await world.wire.next('CONNECT');
  assert.equal(request['data'].jwt_token, 'new');
  await world.wire.refuse(request, 'INVALID_TOKEN');
  await assert.rejects(connected, refusedWith('INVALID_TOKEN'));
  assert.deepEqual([world.state, world.client.reason], ['failed', 'INVALID_TOKEN']);
});

test('attempts end with a token that is refused for good', async () => {
  const world = new World();
  await (await world.connected()).lose();
  await world.clock.advance(1_000);
  await world.wire.open();
  await world.wire.refuse(await world.wire.next('CONNECT'), 'AUTH_FAILED');
  await world.wire.refuse(await world.wire.next('CONNECT'), 'AUTH_FAILED');
  assert.equal(world.state, 'failed');
  await world.clock.advance(60_000);
  assert.equal(world.wires.length, 2);
});

test('a token that cannot be got is an attempt that failed', async () => {
  const world = new World({
    token: async () => {
      if (world.wires.length === 1) throw new Error('no backend');
      return 'jwt';
    },
  });
  await (await world.connected()).lose();
  await world.clock.advance(1_000);
  assert.deepEqual([world.state, world.client.reason], ['reconnecting', 'no backend']);
  assert.equal(world.states.at(-1)?.next?.attempt, 2);
});

test('so is one that does not come in 30 s', async () => {
  let calls = 0;
  const world = new World({ token: () => ((calls += 1) === 2 ? new Promise<string>(() => {}) : 'jwt') });
  await (await world.connected()).lose();
  await world.clock.advance(1_000 + 29_999);
  assert.equal(world.states.at(-1)?.next?.attempt, 1);
  await world.clock.advance(1);
  assert.deepEqual([world.client.reason, world.states.at(-1)?.next?.attempt], ['no token came', 2]);
  await world.clock.advance(2_000);
  await world.wire.welcome({ resumed: true });
  assert.equal(world.state, 'connected');
});

test('also for the first connection, and one that comes later is of no use', async () => {
  let late: (jwt: string) => void = () => {};
  const world = new World({ token: () => new Promise((resolve) => (late = resolve)) });
  const refused = assert.rejects(world.client.connect(), /no token came/);
  await world.clock.advance(30_000);
  await refused;
  late('jwt');
  await settled();
  assert.deepEqual([world.state, world.wires.length], ['failed', 0]);
});

test('a token that is about to expire is renewed on the same connection, also at the second attempt', async () => {
  let calls = 0;
  const world = new World({
    token: () => {
      calls += 1;
      if (calls === 2) throw new Error('no backend');
      return `jwt ${calls}`;
    },
  });
  const wire = await world.connected();
  await wire.event('TOKEN_EXPIRING', 's-3', { expires_at: '2024-01-01T12:01:00.000Z' });
  await wire.isQuiet();
  await world.clock.advance(10_000);
  const request = await wire.next('CONNECT');
  assert.deepEqual(request['data'], { jwt_token: 'jwt 3' });
  assert.equal(world.wires.length, 1);
});

test('a renewal that waits is not for the next connection, which has a fresh token', async () => {
  let calls = 0;
  const world = new World({
    token: () => {
      calls += 1;
      if (calls === 2) throw new Error('no backend');
      return `jwt ${calls}`;
    },
  });
  await (await world.connected()).event('TOKEN_EXPIRING', 's-3', { expires_at: '2024-01-01T12:01:00.000Z' });
  const wire = await world.comeBack({ resumed: true });
  await world.clock.advance(10_000);
  await wire.isQuiet();
});

test('an answer to CONNECT without what it must have is a failed attempt (§3.1)', async () => {
  const info = { existing_rooms: [], last_seq_id: 'e1' };
  const good = { user_id: 1, session_id: 's', server_time: '2024-01-01T12:00:00.000Z', reconnection_info: info };
  const bad = [{ reconnection_info: undefined }, { reconnection_info: null }, { user_id: '1' }, { session_id: 5 }];
  const infos = [{ existing_rooms: null }, { existing_rooms: [], last_seq_id: ['e5'] }];
  const odd = [...bad, ...infos.map((one) => ({ reconnection_info: one }))].map((one) => ({ ...good, ...one }));
  for (const data of [...odd, null, [1], 5]) {
    const world = new World();
    const refused = assert.rejects(world.client.connect(), refusedWith('BAD_ANSWER'));
    await settled();
    await world.wire.open();
    await world.wire.answer(await world.wire.next('CONNECT'), data as Json);
    await refused;
    assert.deepEqual([world.state, world.wire.closed], ['failed', true], JSON.stringify(data));
  }
});

test('what the server says before it closes is why CONNECT failed', async () => {
  const world = new World();
  const connected = assert.rejects(world.client.connect(), refusedWith('SERVER_FULL'));
  await settled();
  await world.wire.open();
  const data = { original_action: null, error_details: '' };
  await world.wire.say({ action: 'ERROR', success: false, error_code: 'SERVER_FULL', seq_id: 's-5', data });
  await world.wire.lose();
  await connected;
});

test('who was replaced does not come back by himself', async () => {
  const world = new World();
  const wire = await world.connected();
  const data = { original_action: null, error_details: '' };
  await wire.say({ action: 'ERROR', success: false, error_code: 'SESSION_REPLACED', seq_id: 's-4', data });
  assert.deepEqual([world.state, world.client.reason], ['closed', 'SESSION_REPLACED']);
  await world.clock.advance(60_000);
  assert.equal(world.wires.length, 1);
});

test('PING is answered with its seq_id (§8.2)', async () => {
  const wire = await new World().connected();
  await wire.say({ action: 'PING', timestamp: '2024-01-01T12:00:00.000Z', seq_id: 'ping_001' });
  assert.equal((await wire.next('PONG'))['seq_id'], 'ping_001');
});

test('70 s without a word are a loss', async () => {
  const world = new World();
  const wire = await world.connected();
  await world.clock.advance(60_000);
  await wire.say({ action: 'PING', seq_id: 'ping_002' });
  await world.clock.advance(69_999);
  assert.equal(world.state, 'connected');
  await world.clock.advance(1);
  assert.equal(world.state, 'reconnecting');
  assert.ok(wire.closed);
});

test('close() ends the session', async () => {
  const world = new World();
  const wire = await world.connected();
  const closed = world.client.close('tired');
  assert.equal(world.state, 'closed');
  assert.deepEqual((await wire.serve('DISCONNECT', { reason: 'tired' }))['data'], { reason: 'tired' });
  await closed;
  assert.ok(wire.closed);
  void world.client.connect();
  await settled();
  assert.equal((await world.wire.welcome({ session: 's2' }))['session_id'], undefined);
  assert.equal(world.resyncs, 0);
});

test('close() waits for two seconds at most', async () => {
  const world = new World();
  const wire = await world.connected();
  const closed = world.client.close();
  await world.clock.advance(2_000);
  await closed;
  assert.ok(wire.closed);
});

test('close() ends attempts too', async () => {
  const world = new World();
  await (await world.connected()).lose();
  await world.client.close();
  await world.clock.advance(60_000);
  assert.deepEqual([world.state, world.wires.length], ['closed', 1]);
});
