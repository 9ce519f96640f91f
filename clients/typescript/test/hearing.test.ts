/** Events, once and in order, and each room's messages, whatever becomes of the connection (v1.1, §10.3). */

import assert from 'node:assert/strict';
import test from 'node:test';

import { type FakeWire, type Json, message, sent, World } from './world.js';

const tell = (wire: FakeWire, position: number, id: number, more = {}) =>
  wire.event('NEW_MESSAGE', `e${position}`, message(id, more));

const listed = (room: number, last: number | null) => ({
  room_id: room,
  last_message: last === null ? null : message(last, { room }),
});

/** A page of GET_MESSAGES. */
const page = (ids: number[], has_more = false, more: Json = {}) => ({
  room_id: 7,
  has_more,
  messages: ids.map((id) => message(id, more)),
});

test('it resumes after the last event, and tells none twice', async () => {
  const world = new World();
  const wire = await world.connected();
  await tell(wire, 101, 1);
  await tell(wire, 102, 2);
  await wire.lose();
  await world.clock.advance(1_000);
  const request = await world.wire.welcome({ resumed: true, replayed_events: 2, last_seq_id: 'e102' });
  assert.deepEqual([request['session_id'], request['data'].last_seq_id], ['s1', 'e102']);
  for (const [position, id] of [[102, 2], [103, 3], [104, 4]] as const) await tell(world.wire, position, id);
  assert.deepEqual([world.heard, world.resyncs], [[1, 2, 3, 4], 0]);
});

test('an event that comes again is told once, and one that is out of turn is old', async () => {
  const world = new World();
  const wire = await world.connected();
  const joined: number[] = [];
  world.client.on('USER_JOINED', ({ user }) => joined.push(user.user_id));
  for (const [position, id] of [[101, 3], [102, 4], [102, 4], [101, 3], [1_000, 5], [999, 6]] as const) {
    const user = { user_id: id, nickname: '', role: 'member' };
    await wire.event('USER_JOINED', `e${position}`, { room_id: 7, user, participants_count: 2 });
  }
  assert.deepEqual(joined, [3, 4, 5]);
});

test('before any event it resumes where the connection began', async () => {
  const world = new World();
  await (await world.connected()).lose();
  await world.clock.advance(1_000);
  assert.equal((await world.wire.welcome({ resumed: true }))['data'].last_seq_id, 'e100');
});

test('what is no event is ignored, and the connection goes on', async () => {
  const world = new World();
  const wire = await world.connected();
  const titles: string[] = [];
  world.client.on('SERVER_ANNOUNCEMENT', ({ title }) => titles.push(title));
  const odd: unknown[] = [null, [1], 5, undefined];
  const wrong = [{ message_id: '1' }, { room_id: null }, { user: null }];
  const notMessages = [{}, ...wrong.map((one) => ({ ...message(1), ...one }))];
  for (const data of [...odd, ...notMessages]) await wire.say({ action: 'NEW_MESSAGE', seq_id: 'e101', data });
  for (const action of ['SERVER_ANNOUNCEMENT', 'TOKEN_EXPIRING', 'USER_JOINED']) {
    for (const data of odd) await wire.say({ action, seq_id: 's-1', data });
  }
  const none = [null, 5, [], {}, { action: 5 }, { action: 'X', seq_id: { a: 1 }, data: {} }];
  for (const one of none) await wire.say(one as Json);
  const endless = '{"action":"NEW_MESSAGE","data":{"message_id":1e999,"room_id":1e999,"content":"","user":{}}}';
  for (const text of ['', 'x', '[['.repeat(50_000), endless]) wire.events.heard(text);
  await tell(wire, 102, 2);
  assert.deepEqual([world.heard, titles, world.state], [[2], [], 'connected']);
});

test('an ERROR without data is why the connection is lost', async () => {
  const world = new World();
  const wire = await world.connected();
  await wire.say({ action: 'ERROR', success: false, data: null, seq_id: null, error_code: 5 });
  await wire.say({ action: 'ERROR', success: false, data: null, seq_id: null, error_code: 'SERVER_FULL', message: {} });
  await wire.lose();
  assert.equal(world.client.reason, 'SERVER_FULL');
});

test('what is no position is told, and not resumed from', async () => {
  const world = new World();
  const wire = await world.connected();
  const titles: string[] = [];
  world.client.on('SERVER_ANNOUNCEMENT', ({ title }) => titles.push(title));
  await wire.event('SERVER_ANNOUNCEMENT', 's-1', { title: 'soon', message: '' });
  await world.comeBack({ resumed: true });
  assert.deepEqual(titles, ['soon']);
});

test('after a gap the missed messages come by themselves, and before the new ones', async () => {
  const world = new World();
  await tell(await world.connected(), 101, 5);
  const wire = await world.comeBack({ existing_rooms: [7], last_seq_id: 'e900' });
  assert.equal(world.resyncs, 1);
  await tell(wire, 901, 9);
  assert.deepEqual(world.heard, [5]);
  await wire.serve('LIST_ROOMS', { rooms: [listed(7, 9)] });
  const first = await wire.serve('GET_MESSAGES', page([6, 7], true));
  assert.deepEqual(first['data'], { room_id: 7, limit: 50, after_message_id: 5 });
  assert.deepEqual(world.heard, [5, 6, 7]);
  const second = await wire.serve('GET_MESSAGES', page([8, 9]));
  assert.equal(second['data'].after_message_id, 7);
  await tell(wire, 902, 10);
  assert.deepEqual(world.heard, [5, 6, 7, 8, 9, 10]);
});

test('rooms in which nothing was said are not asked about', async () => {
  const world = new World();
  await tell(await world.connected(), 101, 5);
  const old = { room_id: 8, last_message: message(4, { room: 8, at: '2024-01-01T11:00:00.000Z' }) };
  const wire = await world.comeBack({ existing_rooms: [7, 8, 9] });
  await wire.serve('LIST_ROOMS', { rooms: [listed(7, 5), old, listed(9, null)] });
  await wire.isQuiet();
  await tell(wire, 102, 6);
  assert.deepEqual(world.heard, [5, 6]);
});

test('in a room of which nothing was told, it is found where the missing ones begin', async () => {
  const world = new World();
  await world.connected();
  const old = { at: '2024-01-01T11:59:00.000Z' };
  const wire = await world.comeBack({ existing_rooms: [7] });
  await wire.serve('LIST_ROOMS', { rooms: [listed(7, 9)] });
  assert.equal((await wire.serve('GET_MESSAGES', page([8, 9], true)))['data'].before_message_id, undefined);
  const mixed = { ...page([]), messages: [message(5, old), message(6), message(7)], has_more: true };
  assert.equal((await wire.serve('GET_MESSAGES', mixed))['data'].before_message_id, 8);
  assert.deepEqual(world.heard, [6, 7]);
  assert.equal((await wire.serve('GET_MESSAGES', page([8, 9])))['data'].after_message_id, 7);
  assert.deepEqual(world.heard, [6, 7, 8, 9]);
});

test('also where only older ones are before a page of missing ones', async () => {
  const world = new World();
  await world.connected();
  const wire = await world.comeBack({ existing_rooms: [7] });
  await wire.serve('LIST_ROOMS', { rooms: [listed(7, 9)] });
  await wire.serve('GET_MESSAGES', page([8, 9], true));
  await wire.serve('GET_MESSAGES', page([5, 6], true, { at: '2024-01-01T11:59:00.000Z' }));
  assert.equal((await wire.serve('GET_MESSAGES', page([8, 9])))['data'].after_message_id, 6);
  assert.deepEqual(world.heard, [8, 9]);
});

test('the very first message of a room that was empty when it was joined is among them', async () => {
  const world = new World();
  const before = await world.connected();
  void world.client.ask('JOIN_ROOM', { room_id: 7 });
  await before.serve('JOIN_ROOM', { room_id: 7, recent_messages: [] });
  const wire = await world.comeBack({ existing_rooms: [7] });
  await wire.serve('LIST_ROOMS', { rooms: [listed(7, 1)] });
  await wire.serve('GET_MESSAGES', page([1], false, { at: '2024-01-01T11:59:00.000Z' }));
  assert.deepEqual(world.heard, [1]);
});

test('what JOIN_ROOM has shown does not come again (§4.2)', async () => {
  const world = new World();
  const before = await world.connected();
  void world.client.ask('JOIN_ROOM', { room_id: 7 });
  await before.serve('JOIN_ROOM', { room_id: 7, recent_messages: [message(3), message(4)] });
  const wire = await world.comeBack({ existing_rooms: [7] });
  void world.client.ask('JOIN_ROOM', { room_id: 7 });
  await wire.serve('LIST_ROOMS', { rooms: [listed(7, 6)] });
  await wire.serve('JOIN_ROOM', { room_id: 7, recent_messages: [message(4), message(6)] });
  const request = await wire.serve('GET_MESSAGES', page([5, 6]));
  assert.equal(request['data'].after_message_id, 4);
  assert.deepEqual(world.heard, [5]);
});

test('a loss in the middle of it costs nothing, though the next connection resumes', async () => {
  const world = new World();
  await tell(await world.connected(), 101, 5);
  const first = await world.comeBack({ existing_rooms: [7], last_seq_id: 'e900' });
  await tell(first, 901, 9);
  await first.serve('LIST_ROOMS', { rooms: [listed(7, 9)] });
  await first.serve('GET_MESSAGES', page([6, 7], true));
  await first.next('GET_MESSAGES');
  const second = await world.comeBack({ existing_rooms: [7], resumed: true, last_seq_id: 'e901' });
  await tell(second, 902, 10);
  await second.serve('LIST_ROOMS', { rooms: [listed(7, 10)] });
  assert.equal((await second.serve('GET_MESSAGES', page([8, 9, 10])))['data'].after_message_id, 7);
  assert.deepEqual([world.heard, world.resyncs], [[5, 6, 7, 8, 9, 10], 1]);
});

test('a server in want of rest is given it, and the run of before ends', async () => {
  const world = new World();
  await tell(await world.connected(), 101, 5);
  const first = await world.comeBack({ existing_rooms: [7] });
  await first.serve('LIST_ROOMS', { rooms: [listed(7, 6)] });
  await first.refuse(await first.next('GET_MESSAGES'), 'RATE_LIMITED', { retry_after_ms: 2_500 });
  await first.isQuiet();
  const second = await world.comeBack({ existing_rooms: [7] });
  await second.serve('LIST_ROOMS', { rooms: [listed(7, 6)] });
  await second.serve('GET_MESSAGES', page([6]));
  await world.clock.advance(5_000);
  await second.isQuiet();
  assert.deepEqual(world.heard, [5, 6]);
});

const GAP = { room_id: 7, after_message_id: 5, reason: 'INTERNAL_ERROR' };

test('messages that the server cannot get are asked for several times, then the gap is told', async () => {
  const world = new World();
  await tell(await world.connected(), 101, 5);
  const wire = await world.comeBack({ existing_rooms: [7, 8], last_seq_id: 'e900' });
  await tell(wire, 901, 9);
  await wire.serve('LIST_ROOMS', { rooms: [listed(7, 9), listed(8, 3)] });
  for (const delayMs of [1_000, 2_000, 4_000, 8_000]) {
    await wire.refuse(await wire.next('GET_MESSAGES'), 'INTERNAL_ERROR');
    await world.clock.advance(delayMs - 1);
    await wire.isQuiet();
    await world.clock.advance(1);
  }
  assert.deepEqual([world.gaps, world.heard], [[], [5]]);
  await wire.refuse(await wire.next('GET_MESSAGES'), 'INTERNAL_ERROR');
  assert.deepEqual([world.gaps, world.heard], [[GAP], [5, 9]]);
  // The next room is not made to wait as long.
  await wire.refuse(await wire.next('GET_MESSAGES'), 'INTERNAL_ERROR');
  assert.deepEqual(world.gaps, [GAP, { room_id: 8, after_message_id: null, reason: 'INTERNAL_ERROR' }]);
  await tell(wire, 902, 10);
  assert.deepEqual([world.heard, world.state], [[5, 9, 10], 'connected']);
});

test('without LIST_ROOMS each room is asked about, and what passes is no gap', async () => {
  const world = new World();
  await tell(await world.connected(), 101, 5);
  const wire = await world.comeBack({ existing_rooms: [null, 'a', 7] });
  await wire.refuse(await wire.next('LIST_ROOMS'), 'INTERNAL_ERROR');
  for (let times = 0; times < 10; times += 1) {
    await wire.refuse(await wire.next('GET_MESSAGES'), 'SERVICE_UNAVAILABLE', { retry_after_ms: 3_000 });
    await world.clock.advance(3_000);
  }
  await wire.serve('GET_MESSAGES', page([6]));
  await wire.isQuiet();
  assert.deepEqual([world.heard, world.gaps], [[5, 6], []]);
});

test('nor is what goes well at the second time, also over another connection', async () => {
  const world = new World();
  await tell(await world.connected(), 101, 5);
  const first = await world.comeBack({ existing_rooms: [7] });
  await first.serve('LIST_ROOMS', { rooms: [listed(7, 6)] });
  await first.refuse(await first.next('GET_MESSAGES'), 'INTERNAL_ERROR');
  const second = await world.comeBack({ existing_rooms: [7], resumed: true });
  await second.serve('LIST_ROOMS', { rooms: [listed(7, 6)] });
  await second.refuse(await second.next('GET_MESSAGES'), 'INTERNAL_ERROR');
  await world.clock.advance(2_000); // it was the second refusal in a row
  await second.serve('GET_MESSAGES', page([6]));
  assert.deepEqual([world.heard, world.gaps], [[5, 6], []]);
});

test('what is no message in a page is left out; a page that comes again and again is a gap', async () => {
  const world = new World();
  await tell(await world.connected(), 101, 5);
  const wire = await world.comeBack({ existing_rooms: [7, 8] });
  await wire.serve('LIST_ROOMS', { rooms: [null, 5, listed(7, 9)] as Json[] });
  await wire.serve('GET_MESSAGES', { ...page([], true), messages: [null, message(6), message(7, { room: 9 })] });
  await wire.serve('GET_MESSAGES', page([6], true));
  assert.deepEqual(world.gaps, [{ room_id: 7, after_message_id: 6, reason: 'BAD_ANSWER' }]);
  const again = { ...page([], true), room_id: 8, messages: [message(3, { room: 8 })] };
  await wire.serve('GET_MESSAGES', again);
  await wire.serve('GET_MESSAGES', again);
  assert.deepEqual(world.gaps.at(-1), { room_id: 8, after_message_id: null, reason: 'BAD_ANSWER' });
  await wire.isQuiet();
  assert.deepEqual(world.heard, [5, 6]);
});

test('a room that was joined on another device meanwhile is caught up with', async () => {
  const world = new World();
  await world.connected();
  const wire = await world.comeBack({ existing_rooms: [8], last_seq_id: 'e900' });
  await tell(wire, 901, 4, { room: 8 });
  await wire.serve('LIST_ROOMS', { rooms: [listed(8, 4)] });
  const page = { room_id: 8, has_more: false, messages: [2, 3, 4].map((id) => message(id, { room: 8 })) };
  await wire.serve('GET_MESSAGES', page);
  assert.deepEqual([world.heard, world.gaps], [[2, 3, 4], []]);
});

test('so is one whose JOIN_ROOM was done, but its answer lost', async () => {
  const world = new World();
  const before = await world.connected();
  const lost = assert.rejects(world.client.ask('JOIN_ROOM', { room_id: 7 }));
  await before.next('JOIN_ROOM');
  const wire = await world.comeBack({ existing_rooms: [7] });
  await lost;
  await wire.serve('LIST_ROOMS', { rooms: [listed(7, 3)] });
  await wire.serve('GET_MESSAGES', page([2, 3]));
  assert.deepEqual(world.heard, [2, 3]);
});

test('one that was left, and joined again on another device, tells nothing twice', async () => {
  const world = new World();
  const before = await world.connected();
  await tell(before, 101, 5);
  void world.client.ask('EXIT_ROOM', { room_id: 7 });
  await before.serve('EXIT_ROOM', { room_id: 7 });
  const wire = await world.comeBack({ existing_rooms: [7] });
  await wire.serve('LIST_ROOMS', { rooms: [listed(7, 9)] });
  assert.equal((await wire.serve('GET_MESSAGES', page([8, 9])))['data'].after_message_id, 5);
  assert.deepEqual(world.heard, [5, 8, 9]);
});

test('a room that is not the user’s any more is let go', async () => {
  const world = new World();
  await tell(await world.connected(), 101, 5);
  const wire = await world.comeBack({ existing_rooms: [7, 8] });
  await wire.serve('LIST_ROOMS', { rooms: [] });
  await wire.refuse(await wire.next('GET_MESSAGES'), 'USER_NOT_IN_ROOM');
  await wire.refuse(await wire.next('GET_MESSAGES'), 'ROOM_NOT_FOUND');
  await tell(wire, 110, 20, { room: 8 });
  assert.deepEqual([world.heard, world.gaps], [[5, 20], []]);
});

test('a server of v1.0 tells of what was not confirmed (§5.3)', async () => {
  const world = new World();
  const old = { resumed: undefined, replayed_events: undefined, video_rooms: undefined, last_seq_id: undefined };
  const first = await world.connected(old);
  await first.event('NEW_MESSAGE', 'broadcast_msg_001', message(5));
  const told: object[] = [];
  world.client.on('NEW_MESSAGE', (one) => told.push(one));
  const wire = await world.comeBack({ ...old, existing_rooms: [7, 8], session: 's2' });
  await wire.event('NEW_MESSAGE', 'broadcast_msg_002', message(9));
  const pending = [5, 6, 9].map((id) => {
    const { message_id, content, user, created_at } = message(id);
    return { message_id, content, user: { user_id: user.user_id, nickname: user.nickname }, created_at };
  });
  const asked = await wire.serve('CHECK_RECEIVE', { room_id: 7, pending_messages: pending });
  assert.deepEqual(asked['data'], { room_id: 7, message_ids: [] });
  await wire.refuse(await wire.next('CHECK_RECEIVE'), 'USER_NOT_IN_ROOM');
  assert.deepEqual(world.heard, [5, 6, 9]);
  assert.deepEqual(told, [message(6), message(9)]);
});

test('it tells of 100 at most: there may be more', async () => {
  const world = new World();
  const old = { resumed: undefined, last_seq_id: undefined };
  await (await world.connected(old)).event('NEW_MESSAGE', 'broadcast_msg_001', message(5));
  const wire = await world.comeBack({ ...old, existing_rooms: [7] });
  const pending = Array.from({ length: 99 }, (_, index) => message(6 + index));
  await wire.serve('CHECK_RECEIVE', { room_id: 7, pending_messages: [null, ...pending] });
  assert.equal(world.heard.length, 100);
  assert.deepEqual(world.gaps.map((gap) => gap.after_message_id), [104]);
});

test('nor is it asked with PING whether it is there', async () => {
  const world = new World();
  const wire = await world.connected({ resumed: undefined });
  const refused = assert.rejects(world.client.ask('ROOM_INFO', { room_id: 7 }));
  await wire.next('ROOM_INFO');
  await world.clock.advance(10_000);
  await refused;
  await wire.isQuiet();
});

test('what the client sent itself is told by the answer alone: not by a replay under a new session', async () => {
  const world = new World();
  const first = await world.connected();
  void world.client.sendMessage(7, 'a');
  const request = await first.next('SEND_MESSAGE');
  await first.answer(request, sent(request, 6));
  const second = await world.comeBack({ resumed: true, session: 's2' });
  await tell(second, 101, 6, { user: 1 });
  await tell(second, 102, 7, { user: 1 });
  assert.deepEqual(world.heard, [7]); // that one is of another device
});

test('nor when the answer was lost and comes after the replay', async () => {
  const world = new World();
  const first = await world.connected();
  const answer = world.client.sendMessage(7, 'a');
  const request = await first.next('SEND_MESSAGE');
  const second = await world.comeBack({ resumed: true, session: 's2' });
  await tell(second, 101, 5);
  await tell(second, 102, 6, { user: 1 });
  await tell(second, 103, 2, { room: 8 });
  assert.deepEqual(world.heard, [2]); // of another room
  const again = await second.serve('SEND_MESSAGE', { ...sent(request, 6), duplicate: true });
  assert.deepEqual(again['data'], request['data']);
  assert.equal((await answer).message_id, 6);
  await tell(second, 104, 7);
  assert.deepEqual(world.heard, [2, 5, 7]);
});

test('nor when there was a gap', async () => {
  const world = new World();
  const first = await world.connected();
  void world.client.sendMessage(7, 'a');
  const request = await first.next('SEND_MESSAGE');
  const second = await world.comeBack({ existing_rooms: [7] });
  await second.serve('SEND_MESSAGE', { ...sent(request, 6), duplicate: true });
  await second.serve('LIST_ROOMS', { rooms: [listed(7, 6)] });
  await second.serve('GET_MESSAGES', page([5, 6]));
  assert.deepEqual(world.heard, [5]);
});

test('a new session owes nothing of the one before', async () => {
  const world = new World();
  await tell(await world.connected(), 101, 5);
  await (await world.comeBack({ existing_rooms: [7] })).next('LIST_ROOMS');
  void world.client.close();
  await world.wire.serve('DISCONNECT', { reason: 'user_logout' });
  const wire = await world.connected({ existing_rooms: [7], session: 's2', last_seq_id: 'e200' });
  await tell(wire, 201, 9);
  await wire.isQuiet();
  assert.deepEqual(world.heard, [5, 9]);
});

test('a room that was left begins anew', async () => {
  const world = new World();
  const wire = await world.connected();
  await tell(wire, 101, 5);
  void world.client.ask('EXIT_ROOM', { room_id: 7 });
  await wire.serve('EXIT_ROOM', { room_id: 7 });
  void world.client.ask('JOIN_ROOM', { room_id: 7 });
  await wire.serve('JOIN_ROOM', { room_id: 7, recent_messages: [message(8)] });
  await tell(wire, 109, 9);
  assert.deepEqual(world.heard, [5, 9]);
});
