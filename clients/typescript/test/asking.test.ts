/** Requests and their answers (§2, §9.1, §10.2), messages on their way (§5.1). */

import assert from 'node:assert/strict';
import test from 'node:test';

import { AssaError } from 'assa-client';

import { type Json, sent, settled, World } from './world.js';

const refusedWith = (code: string) => (error: unknown) => error instanceof AssaError && error.code === code;

test('an answer is that of its request, and typed', async () => {
  const world = new World();
  const wire = await world.connected();
  const asked = world.client.ask('INVITE', { room_id: 7, invited_user_ids: [3] });
  const request = await wire.next('INVITE');
  await wire.answer({ action: 'INVITE', seq_id: 'another' }, {});
  await wire.answer(request, { room_id: 7, invited_users: [{ user_id: 3, nickname: '셋', status: 'invited' }] });
  const statuses: string[] = (await asked).invited_users.map(({ status }) => status);
  assert.deepEqual(statuses, ['invited']);
});

test('a refusal is an AssaError with what the server says (§9.1)', async () => {
  const world = new World();
  const wire = await world.connected();
  const refused = assert.rejects(world.client.ask('JOIN_ROOM', { room_id: 7 }), {
    name: 'AssaError',
    code: 'RATE_LIMITED',
    message: '안 됩니다',
    details: 'why',
    retryAfterMs: 250,
  });
  await wire.refuse(await wire.next('JOIN_ROOM'), 'RATE_LIMITED', { retry_after_ms: 250 });
  await refused;
});

test('an answer without what it must have is a failure', async () => {
  const world = new World();
  const wire = await world.connected();
  const odd = [null, [1], {}, { room_id: null }, { room_id: 7, recent_messages: 5 }];
  for (const data of odd) {
    const answer = assert.rejects(world.client.ask('JOIN_ROOM', { room_id: 7 }), refusedWith('BAD_ANSWER'));
    await wire.answer(await wire.next('JOIN_ROOM'), data as Json);
    await answer;
  }
  const answer = assert.rejects(world.client.ask('ROOM_INFO', { room_id: 7 }), refusedWith('BAD_ANSWER'));
  await wire.answer(await wire.next('ROOM_INFO'), null as unknown as Json);
  await answer;
  const joined = world.client.ask('JOIN_ROOM', { room_id: 7 });
  await wire.serve('JOIN_ROOM', { room_id: 7, recent_messages: [null, 5, {}, { message_id: 'x' }] });
  await joined;
  assert.equal(world.state, 'connected');
});

test('who asks without a connection hears so at once, and who lost it too', async () => {
  const world = new World();
  await assert.rejects(world.client.ask('LIST_ROOMS', {}), refusedWith('DISCONNECTED'));
  const wire = await world.connected();
  const cut = assert.rejects(world.client.ask('LIST_ROOMS', {}), refusedWith('DISCONNECTED'));
  await wire.next('LIST_ROOMS');
  await wire.lose();
  await cut;
});

test('a request is given up after 10 s (§10.2), and the connection if PING has no answer either', async () => {
  const world = new World();
  const wire = await world.connected();
  const asked = world.client.ask('LIST_ROOMS', {});
  await world.clock.advance(9_999);
  const timedOut = assert.rejects(asked, refusedWith('REQUEST_TIMEOUT'));
  await world.clock.advance(1);
  await timedOut;
  await wire.next('LIST_ROOMS');
  const ping = await wire.next('PING');
  assert.equal(world.state, 'connected');
  await wire.say({ action: 'PONG', seq_id: ping['seq_id'] });
  await world.clock.advance(10_000);
  assert.equal(world.state, 'connected');
  world.client.ask('LIST_ROOMS', {}).catch(() => {});
  await world.clock.advance(20_000);
  assert.equal(world.state, 'reconnecting');
});

test('a message of more than 1 MiB is not sent (§10.1)', async () => {
  const world = new World();
  const wire = await world.connected();
  const asked = world.client.ask('CREATE_ROOM', { name: '가'.repeat(400_000) });
  await assert.rejects(asked, refusedWith('MESSAGE_TOO_LONG'));
  await wire.isQuiet();
});

test('signalling is settled by the next answer, for which it asks (§7.3)', async () => {
  const world = new World();
  const wire = await world.connected();
  const status = { video_room_id: 9, audio_enabled: true, video_enabled: true };
  const taken = world.client.signal('MEDIA_STATUS', status);
  const refused = assert.rejects(world.client.signal('MEDIA_STATUS', status), refusedWith('VIDEO_ROOM_NOT_FOUND'));
  await wire.next('MEDIA_STATUS');
  await wire.refuse(await wire.next('MEDIA_STATUS'), 'VIDEO_ROOM_NOT_FOUND');
  await Promise.all([taken, refused]);
  const third = world.client.signal('MEDIA_STATUS', status);
  await wire.next('MEDIA_STATUS');
  await world.clock.advance(250);
  const ping = await wire.next('PING');
  await wire.say({ action: 'PONG', seq_id: ping['seq_id'] });
  await third;
});

test('messages are sent in order, each after the answer to the one before', async () => {
  const world = new World();
  const wire = await world.connected();
  const answers = ['a', 'b'].map((content) => world.client.sendMessage(7, content));
  const first = await wire.next('SEND_MESSAGE');
  assert.deepEqual({ ...first['data'], client_message_id: '' }, {
    room_id: 7,
    content: 'a',
    message_type: 'text',
    client_message_id: '',
  });
  await wire.isQuiet();
  assert.equal(world.client.pendingMessages.length, 2);
  await wire.answer(first, sent(first, 1));
  const second = await wire.next('SEND_MESSAGE');
  await wire.answer(second, sent(second, 2));
  assert.deepEqual((await Promise.all(answers)).map(({ message_id: id }) => id), [1, 2]);
  assert.deepEqual(world.client.pendingMessages, []);
});

test('an image has its file, an answer what it answers to (§5.2)', async () => {
  const world = new World();
  const wire = await world.connected();
  const fileInfo = { file_path: '/storage/a.jpg', file_name: 'a.jpg', file_size: 9, mime_type: 'image/jpeg' };
  void world.client.sendMessage(7, '', { fileInfo, replyTo: 3, clientMessageId: 'mine' });
  assert.deepEqual((await wire.next('SEND_MESSAGE'))['data'], {
    room_id: 7,
    content: '',
    message_type: 'image',
    client_message_id: 'mine',
    reply_to_message_id: 3,
    file_info: fileInfo,
  });
});

test('what had no answer is sent again, with the same client_message_id, before what is newer', async () => {
  const world = new World();
  const wire = await world.connected();
  const answers = ['a', 'b'].map((content) => world.client.sendMessage(7, content));
  const before = await wire.next('SEND_MESSAGE');
  await wire.lose();
  answers.push(world.client.sendMessage(7, 'c'));
  await world.clock.advance(1_000);
  await world.wire.welcome({ resumed: true });
  const ids: number[] = [];
  for (const content of ['a', 'b', 'c']) {
    const request = await world.wire.next('SEND_MESSAGE');
    assert.equal(request['data'].content, content);
    if (content === 'a') assert.deepEqual(request['data'], before['data']);
    await world.wire.answer(request, { ...sent(request, ids.push(0)), duplicate: content === 'a' });
  }
  assert.deepEqual((await Promise.all(answers)).map(({ message_id: id }) => id), [1, 2, 3]);
});

test('what is refused for a while is tried again, and nothing overtakes it', async () => {
  const world = new World();
  const wire = await world.connected();
  void world.client.sendMessage(7, 'a');
  void world.client.sendMessage(7, 'b');
  await wire.refuse(await wire.next('SEND_MESSAGE'), 'RATE_LIMITED', { retry_after_ms: 300 });
  await world.clock.advance(299);
  await wire.isQuiet();
  await world.clock.advance(1);
  assert.equal((await wire.next('SEND_MESSAGE'))['data'].content, 'a');
});

test('what is refused for good is the business of who sent it; the next one goes on', async () => {
  const world = new World();
  const wire = await world.connected();
  const refused = world.client.sendMessage(7, 'a');
  void world.client.sendMessage(7, 'b');
  await wire.refuse(await wire.next('SEND_MESSAGE'), 'USER_NOT_IN_ROOM');
  await assert.rejects(refused, refusedWith('USER_NOT_IN_ROOM'));
  assert.equal((await wire.next('SEND_MESSAGE'))['data'].content, 'b');
});

test('a message is not sent while no answer says as what; the next one goes on', async () => {
  const world = new World();
  const wire = await world.connected();
  const others = [undefined, '1', 1e300].map((id) => ({ room_id: 7, message_id: id }));
  for (const data of [null, [1], 5, {}, { message_id: 1 }, ...others]) {
    const answer = assert.rejects(world.client.sendMessage(7, 'a'), refusedWith('BAD_ANSWER'), JSON.stringify(data));
    await wire.answer(await wire.next('SEND_MESSAGE'), data as Json);
    await answer;
  }
  assert.deepEqual([world.state, world.client.pendingMessages], ['connected', []]);
});

test('a message without an answer for 10 s shows that the connection is dead', async () => {
  const world = new World();
  const wire = await world.connected();
  const answer = world.client.sendMessage(7, 'a');
  await world.clock.advance(10_000);
  assert.equal(world.state, 'reconnecting');
  assert.ok(wire.closed);
  await world.clock.advance(1_000);
  await world.wire.welcome({ resumed: true });
  const request = await world.wire.next('SEND_MESSAGE');
  await world.clock.advance(2_000);
  await world.wire.isQuiet(); // it is sent once over each connection
  await world.wire.answer(request, sent(request, 1));
  assert.equal((await answer).message_id, 1);
});

test('the same client_message_id is the same message', async () => {
  const world = new World();
  const wire = await world.connected();
  const both = [1, 2].map(() => world.client.sendMessage(7, 'a', { clientMessageId: 'x' }));
  await wire.next('SEND_MESSAGE');
  await wire.isQuiet();
  assert.equal(both[0], both[1]);
});

test('messages wait for the first connection, and are given up by close() and for another user', async () => {
  const world = new World();
  const early = world.client.sendMessage(7, 'early');
  const wire = await world.connected();
  assert.equal((await wire.next('SEND_MESSAGE'))['data'].content, 'early');
  await world.comeBack({ user: 2, session: 's2' });
  await assert.rejects(early, refusedWith('DISCONNECTED'));
  await world.wire.isQuiet();
  const late = world.client.sendMessage(7, 'late');
  void world.client.close();
  await assert.rejects(late, refusedWith('DISCONNECTED'));
});

test('a listener that fails does not keep others from hearing', async (context) => {
  const world = new World();
  const wire = await world.connected();
  const thrown: unknown[] = [];
  context.mock.method(globalThis, 'queueMicrotask', (work: () => void) => {
    try {
      work();
    } catch (error) {
      thrown.push(error);
    }
  });
  const heard: number[] = [];
  world.client.on('VIDEO_ROOM_CLOSED', () => {
    throw new Error('a defect');
  });
  const end = world.client.on('VIDEO_ROOM_CLOSED', ({ video_room_id: id }) => heard.push(id));
  await wire.event('VIDEO_ROOM_CLOSED', 'e101', { video_room_id: 9, chat_room_id: 7 });
  end();
  await wire.event('VIDEO_ROOM_CLOSED', 'e102', { video_room_id: 10, chat_room_id: 7 });
  assert.deepEqual(heard, [9]);
  assert.equal(thrown.length, 2);
  await settled();
});
