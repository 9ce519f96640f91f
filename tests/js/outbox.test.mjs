/** Messages: queued, sent again with their client_message_id, in order, until they are answered (§5, §10.3). */

import assert from 'node:assert/strict';
import test from 'node:test';

import { AssaError } from '../../assa/web/assa/assa.js';
import { settle } from './clock.mjs';
import { ROOM, World } from './world.mjs';

const contents = (world) => world.server.messages.map((one) => one.content);

test('sendMessage sends what the protocol asks for (§5.1), and brings the answer', async () => {
  const world = new World();
  const page = await world.connected(7);
  const data = await page.connection.sendMessage(ROOM, 'hello', { replyTo: 3 });
  assert.equal(data.message_id, 1);
  const [asked] = world.server.asked('SEND_MESSAGE');
  assert.deepEqual(asked.data, {
    room_id: ROOM,
    content: 'hello',
    message_type: 'text',
    client_message_id: data.client_message_id,
    reply_to_message_id: 3,
  });
  assert.match(data.client_message_id, /^[0-9a-f]{32}$/);
});

test('an image has its file_info (§5.2)', async () => {
  const world = new World();
  const page = await world.connected(7);
  const fileInfo = { file_path: '/storage/u/a.png', file_name: 'a.png', file_size: 3, mime_type: 'image/png' };
  await page.connection.sendMessage(ROOM, '', { fileInfo, clientMessageId: 'mine' });
  const [{ data }] = world.server.asked('SEND_MESSAGE');
  assert.deepEqual([data.message_type, data.file_info, data.client_message_id], ['image', fileInfo, 'mine']);
});

test('queued while away, in order, also before the first connect()', async () => {
  const world = new World();
  const page = world.page(7);
  const first = page.connection.sendMessage(ROOM, 'one');
  await page.connection.connect();
  await first;
  world.server.cut();
  const later = ['two', 'three', 'four'].map((content) => page.connection.sendMessage(ROOM, content));
  await settle();
  assert.equal(page.connection.pendingMessages.length, 3);
  await world.clock.advance(1_000);
  assert.deepEqual((await Promise.all(later)).map((one) => one.content), ['two', 'three', 'four']);
  assert.deepEqual(contents(world), ['one', 'two', 'three', 'four']);
  assert.deepEqual(page.heard('queued').map((one) => one.data.content), ['one', 'two', 'three', 'four']);
  assert.deepEqual(page.heard('sent').map((one) => one.data.message_id), [1, 2, 3, 4]);
  assert.equal(page.connection.pendingMessages.length, 0);
});

test('a message whose answer was lost is sent again and stored once', async () => {
  const world = new World();
  const page = await world.connected(7);
  world.server.mute = true;
  const sending = page.connection.sendMessage(ROOM, 'once');
  const behind = page.connection.sendMessage(ROOM, 'behind');
  await settle();
  assert.deepEqual(contents(world), ['once']);
  world.server.cut();
  world.server.mute = false;
  await world.clock.advance(1_000);
  assert.equal((await sending).duplicate, true);
  await behind;
  assert.deepEqual(contents(world), ['once', 'behind']);
  const ids = world.server.asked('SEND_MESSAGE').map((one) => one.data.client_message_id);
  assert.equal(ids[0], ids[1]);
});

test('a message that was lost on its way is sent again', async () => {
  const world = new World();
  const page = await world.connected(7);
  world.server.live[0].deaf = true;
  const sending = page.connection.sendMessage(ROOM, 'once');
  await settle();
  world.server.cut();
  await world.clock.advance(1_000);
  assert.equal((await sending).duplicate, undefined);
  assert.deepEqual(contents(world), ['once']);
});

test('a connection on which a message gets no answer for 10 s is dead: another is made', async () => {
  const world = new World();
  const page = await world.connected(7);
  world.server.mute = true;
  const sending = page.connection.sendMessage(ROOM, 'hello');
  await world.clock.advance(10_000);
  assert.equal(page.connection.state, 'reconnecting');
  world.server.mute = false;
  await world.clock.advance(1_000);
  assert.equal((await sending).duplicate, true);
});

test('the next message is not sent before the one before it is answered: order is kept', async () => {
  for (const code of ['RATE_LIMITED', 'SERVICE_UNAVAILABLE']) {
    const world = new World();
    const page = await world.connected(7);
    world.server.refuse('SEND_MESSAGE', code, { retry_after_ms: 700 }, 2);
    const all = ['one', 'two', 'three'].map((content) => page.connection.sendMessage(ROOM, content));
    await world.clock.advance(699);
    assert.equal(world.server.asked('SEND_MESSAGE').length, 1);
    await world.clock.advance(701);
    await Promise.all(all);
    assert.deepEqual(contents(world), ['one', 'two', 'three']);
    assert.deepEqual(page.heard('rejected'), []);
  }
});

test('REQUEST_TIMEOUT of the server is tried again: it may have been stored', async () => {
  const world = new World();
  const page = await world.connected(7);
  world.server.refuse('SEND_MESSAGE', 'REQUEST_TIMEOUT');
  const sending = page.connection.sendMessage(ROOM, 'one');
  await world.clock.advance(1_000);
  assert.equal((await sending).message_id, 1);
});

test('a retry that was waiting is not made twice when the connection is lost meanwhile', async () => {
  const world = new World();
  const page = await world.connected(7);
  world.server.refuse('SEND_MESSAGE', 'RATE_LIMITED', { retry_after_ms: 5_000 });
  const sending = page.connection.sendMessage(ROOM, 'one');
  await settle();
  world.server.cut();
  await world.clock.advance(1_000);
  await sending;
  await world.clock.advance(10_000);
  assert.equal(world.server.asked('SEND_MESSAGE').length, 2);
});

test('any other refusal is final, and the next is sent', async () => {
  const world = new World();
  const page = await world.connected(7);
  world.server.refuse('SEND_MESSAGE', 'USER_NOT_IN_ROOM');
  const [first, second] = ['one', 'two'].map((content, index) =>
    page.connection.sendMessage(ROOM, content, { clientMessageId: `id-${index}` }),
  );
  await assert.rejects(first, (error) => error instanceof AssaError && error.code === 'USER_NOT_IN_ROOM');
  await second;
  assert.deepEqual(contents(world), ['two']);
  const [{ clientMessageId, error }] = page.heard('rejected');
  assert.deepEqual([clientMessageId, error.code], ['id-0', 'USER_NOT_IN_ROOM']);
  const again = await page.connection.sendMessage(ROOM, 'one', { clientMessageId: 'id-0' });
  assert.equal(again.content, 'one');
});

test('a message of more than 1 MiB is refused here: it would close the connection, again and again (§10.1)', async () => {
  const world = new World();
  const page = await world.connected(7);
  const long = page.connection.sendMessage(ROOM, '가'.repeat(350_000));
  const next = page.connection.sendMessage(ROOM, '가'.repeat(340_000)); // which the server refuses itself
  await assert.rejects(long, { code: 'MESSAGE_TOO_LONG' });
  await next;
  assert.equal(world.server.asked('SEND_MESSAGE').length, 1);
  await assert.rejects(page.connection.signal('SDP', { sdp_data: 'x'.repeat(1_048_576) }), { code: 'MESSAGE_TOO_LONG' });
});

test('the same message twice is one', async () => {
  const world = new World();
  const page = await world.connected(7);
  const options = { clientMessageId: 'double-click' };
  const both = [page.connection.sendMessage(ROOM, 'one', options), page.connection.sendMessage(ROOM, 'one', options)];
  await Promise.all(both);
  assert.equal(world.server.asked('SEND_MESSAGE').length, 1);
});

test('messages survive failed, and go out with the next connect()', async () => {
  const world = new World();
  const page = await world.connected(7);
  world.server.up = false;
  world.server.cut();
  const sending = page.connection.sendMessage(ROOM, 'patient');
  await world.clock.advance(7_000);
  assert.equal(page.connection.state, 'failed');
  world.server.up = true;
  await page.connection.connect();
  assert.equal((await sending).content, 'patient');
});

test('messages survive a reload: the next page sends them and tells', async () => {
  const world = new World();
  const page = await world.connected(7);
  world.server.mute = true;
  page.connection.sendMessage(ROOM, 'stored', { clientMessageId: 'a' }).catch(() => {});
  page.connection.sendMessage(ROOM, 'waiting', { clientMessageId: 'b' }).catch(() => {});
  await settle();
  world.server.mute = false;
  const again = page.reload();
  assert.deepEqual(again.connection.pendingMessages.map((one) => one.content), ['stored', 'waiting']);
  await again.connection.connect();
  await settle();
  assert.deepEqual(contents(world), ['stored', 'waiting']);
  assert.deepEqual(again.heard('sent').map((one) => one.clientMessageId), ['a', 'b']);
  assert.equal(again.store.getItem('assa.outbox'), null);
});

test("another user's messages are never sent", async () => {
  const world = new World();
  const page = await world.connected(7);
  world.server.cut();
  page.connection.sendMessage(ROOM, 'of seven').catch(() => {});
  const again = page.reload({ token: 'user-8-1' });
  await again.connection.connect();
  await settle();
  assert.deepEqual(contents(world), []);
  assert.equal(again.heard('rejected').length, 1);
  await again.connection.sendMessage(ROOM, 'of eight');
  assert.deepEqual(contents(world), ['of eight']);
});

test('close() gives up what was not sent', async () => {
  const world = new World();
  const page = await world.connected(7);
  world.server.mute = true;
  const sending = page.connection.sendMessage(ROOM, 'late');
  await settle();
  world.server.mute = false;
  const closing = page.connection.close();
  await assert.rejects(sending, (error) => error.code === 'DISCONNECTED');
  await closing;
  assert.equal(page.store.getItem('assa.outbox'), null);
});

test('a thousand messages over a network that breaks again and again: each once and in order', async () => {
  const world = new World();
  const page = await world.connected(7);
  const reader = await world.connected(8);
  const wanted = Array.from({ length: 1_000 }, (_, index) => `m${index}`);
  const all = wanted.map((content) => page.connection.sendMessage(ROOM, content));
  let seed = 7;
  const dice = () => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
  while (page.connection.pendingMessages.length) {
    for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    const [victim] = world.server.live.filter((one) => one.userId === (dice() < 0.7 ? 7 : 8));
    if (victim && dice() < 0.5) victim.deaf = true;
    else if (victim) victim.break();
    world.server.mute = dice() < 0.2;
    await new Promise((resolve) => setImmediate(resolve));
    world.server.mute = false;
    if (dice() < 0.5) world.server.cut();
    await world.clock.advance(1_000);
  }
  await Promise.all(all);
  world.server.cut();
  await world.clock.advance(10_000);
  assert.deepEqual(contents(world), wanted);
  assert.deepEqual(reader.contents, wanted);
});
