/** What the web client knows: rooms, messages, reading, calls, uploads, with a connection that the test speaks for. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { Memory } from '../../assa/web/app/memory.js';
import { Model } from '../../assa/web/app/model.js';
import { FakeConnection, OWN, listed, message, refused, settle } from './app_connection.mjs';
import { FakeStorage } from './server.mjs';

const ROOM = 100;

async function loaded(rooms, answers = {}, store = new FakeStorage()) {
  const connection = new FakeConnection({ LIST_ROOMS: { rooms }, GET_MESSAGES: { messages: [], has_more: false }, ...answers });
  const model = new Model(connection, new Memory(store, OWN));
  await model.load();
  return { connection, model, room: model.rooms.get(ROOM) };
}

const idsOf = (room) => room.entries.filter((one) => one.kind === 'message').map((one) => one.message.message_id);
const namesOf = (model) => model.rooms.listed.map((one) => one.id);

/** A server of a room with so many messages of user 8, none of which is confirmed. */
function archive(count) {
  const all = Array.from({ length: count }, (_, place) => message(place + 1));
  const confirmed = new Set();
  return {
    confirmed,
    GET_MESSAGES: ({ before_message_id: before = Infinity, limit }) => {
      const older = all.filter((one) => one.message_id < before);
      return { messages: older.slice(-limit), has_more: older.length > limit };
    },
    CHECK_RECEIVE: ({ message_ids: ids }) => {
      for (const id of ids) confirmed.add(id);
      const pending = all.filter((one) => !confirmed.has(one.message_id)).slice(0, 100);
      return { received_messages: ids, failed_messages: [], pending_messages: pending };
    },
  };
}

test('the room with the newest activity is first', async () => {
  const { connection, model } = await loaded([listed(3), listed(ROOM), listed(2)]);
  assert.deepEqual(namesOf(model), [3, ROOM, 2]);
  connection.hear('NEW_MESSAGE', message(9, { room: 2 }));
  assert.deepEqual(namesOf(model), [2, 3, ROOM]);
  assert.equal(model.rooms.get(2).last.content, 'text 9');
});

test('messages of others are unread, the own ones of another device are not', async () => {
  const { connection, model, room } = await loaded([listed(ROOM, { unread: 2, last: message(5) })]);
  connection.hear('NEW_MESSAGE', message(6));
  connection.hear('NEW_MESSAGE', message(7, { user: OWN }));
  connection.hear('NEW_MESSAGE', message(5)); // the list has it
  assert.deepEqual([room.unread.count, model.rooms.unread], [3, 3]);
});

test('a room that is opened has its newest page, and those before it up to the first unread message', async () => {
  const { model, room } = await loaded([listed(ROOM, { unread: 120, last: message(120) })], archive(120));
  await model.open(ROOM);
  assert.deepEqual([room.divider, room.oldestId, room.newestId, room.more], [1, 1, 120, false]);
  assert.equal(room.unread.count, 120); // it has not been looked at yet
});

test('what has been read is confirmed, also what only the server knows of (§5.3)', async () => {
  const server = archive(350);
  const { connection, model, room } = await loaded([listed(ROOM, { unread: 350, last: message(350) })], server);
  await model.open(ROOM);
  await model.reading.upTo(room, 350);
  assert.equal(server.confirmed.size, 350);
  assert.equal(room.unread.count, 0);
  const before = connection.asked.length;
  await model.reading.upTo(room, 350);
  assert.equal(connection.asked.length, before); // nothing is asked where nothing is unread
});

test('what could not be confirmed is confirmed with the next connection', async () => {
  const server = archive(2);
  let away = true;
  const answers = { ...server, CHECK_RECEIVE: (asked) => (away ? refused('DISCONNECTED') : server.CHECK_RECEIVE(asked)) };
  const { connection, model, room } = await loaded([listed(ROOM)], answers);
  await model.open(ROOM);
  connection.hear('NEW_MESSAGE', message(2));
  await model.reading.upTo(room, 2);
  assert.equal(room.unread.count, 1);
  away = false;
  connection.tell('state', { state: 'connected' });
  await settle();
  assert.equal(room.unread.count, 0);
});

test('older pages come before what is there, none twice, and a message far back can be reached', async () => {
  const { connection, model, room } = await loaded([listed(ROOM)], archive(230));
  await model.open(ROOM);
  await Promise.all([model.history.older(room), model.history.older(room)]); // one request
  assert.equal(connection.requests('GET_MESSAGES').length, 2);
  assert.equal(room.oldestId, 131);
  assert.ok(await model.history.reach(room, 20));
  assert.deepEqual(idsOf(room), Array.from({ length: room.newestId - room.oldestId + 1 }, (_, place) => room.oldestId + place));
  assert.equal(await model.history.reach(room, 5_000), false);
});

test('a quoted message that is not there is got, once', async () => {
  const { connection, model, room } = await loaded([listed(ROOM)], archive(200));
  await model.open(ROOM);
  const before = connection.asked.length;
  const [one, other] = await Promise.all([model.history.quoted(room, 3), model.history.quoted(room, 3)]);
  assert.equal(one.content, 'text 3');
  assert.equal(other, one);
  assert.equal(connection.asked.length, before + 1);
  assert.equal((await model.history.quoted(room, 190)).content, 'text 190');
});

test('an own message is queued, then sent, and stays the same entry', async () => {
  const { connection, room } = await loaded([listed(ROOM)]);
  const data = { room_id: ROOM, content: 'hi', message_type: 'text', client_message_id: 'x' };
  connection.tell('queued', { clientMessageId: 'x', roomId: ROOM, data });
  assert.deepEqual(room.entries.map((one) => [one.key, one.state]), [['cx', 'queued']]);
  connection.hear('NEW_MESSAGE', message(3));
  connection.tell('sent', { clientMessageId: 'x', roomId: ROOM, data: { message_id: 4, created_at: '2024-01-02T12:00:01Z', content: 'hi' } });
  assert.deepEqual(room.entries.map((one) => [one.key, one.state, one.message.message_id]).at(-1), ['cx', 'sent', 4]);
  assert.equal(room.last.message_id, 4);
});

test('a message that was replayed to its own sender is not shown twice', async () => {
  const { connection, model, room } = await loaded([listed(ROOM)]);
  await model.open(ROOM);
  const data = { room_id: ROOM, content: 'hi', message_type: 'text', client_message_id: 'x' };
  connection.tell('queued', { clientMessageId: 'x', roomId: ROOM, data });
  connection.hear('NEW_MESSAGE', message(4, { user: OWN, text: 'hi' }));
  connection.tell('sent', { clientMessageId: 'x', roomId: ROOM, data: { message_id: 4, created_at: '2024-01-02T12:00:01Z', content: 'hi', duplicate: true } });
  assert.deepEqual(idsOf(room), [4]);
});

test('a message that was refused can be sent again, or discarded', async () => {
  const { connection, model, room } = await loaded([listed(ROOM)]);
  const data = { room_id: ROOM, content: 'hi', message_type: 'text', client_message_id: 'x', reply_to_message_id: 2 };
  connection.tell('queued', { clientMessageId: 'x', roomId: ROOM, data });
  connection.tell('rejected', { clientMessageId: 'x', roomId: ROOM, data, error: refused('MESSAGE_NOT_FOUND') });
  const [entry] = room.entries;
  assert.deepEqual([entry.state, entry.error.code], ['failed', 'MESSAGE_NOT_FOUND']);
  model.outgoing.again(entry);
  assert.deepEqual(connection.sent, [[ROOM, 'hi', { replyTo: 2, fileInfo: undefined }]]);
  assert.deepEqual(room.entries, []);
});

test('what an earlier page left unsent is shown', async () => {
  const connection = new FakeConnection({ LIST_ROOMS: { rooms: [listed(ROOM)] } });
  connection.pendingMessages = [{ room_id: ROOM, content: 'left', message_type: 'text', client_message_id: 'old' }];
  const model = new Model(connection, new Memory(null, OWN));
  await model.load();
  assert.deepEqual(model.rooms.get(ROOM).entries.map((one) => [one.key, one.state]), [['cold', 'queued']]);
});

test('after a gap the open room is loaded anew, and what was there before is not trusted', async () => {
  const { connection, model } = await loaded([listed(ROOM)], archive(60));
  await model.open(ROOM);
  connection.answers.GET_MESSAGES = { messages: [message(500)], has_more: true };
  connection.tell('gap');
  await settle();
  assert.deepEqual(idsOf(model.current), [500]);
});

test('receipts and invitations outlive a reload', async () => {
  const store = new FakeStorage();
  const { connection } = await loaded([listed(ROOM)], {}, store);
  connection.hear('MESSAGE_RECEIVED', { room_id: ROOM, user_id: 8, message_ids: [1, 2] });
  connection.hear('INVITATION_RECEIVED', { room_id: 55, room_info: { name: 'x' }, inviter: { user_id: 8, nickname: 'n' } });
  connection.hear('INVITATION_RECEIVED', { room_id: ROOM, room_info: { name: 'x' }, inviter: { user_id: 8, nickname: 'n' } });
  const { model, room } = await loaded([listed(ROOM)], {}, store);
  assert.deepEqual(room.receipts.of(2), [8]);
  assert.deepEqual(model.invitations.all.map((one) => one.room_id), [55]); // one is a member of the other
});

test('joining brings the newest messages, and uses up the invitation', async () => {
  const joined = { room_info: { name: 'new', participants_count: 2 }, participants: [{ user_id: 8, nickname: 'n' }], recent_messages: [message(1, { room: 55 })] };
  const { connection, model } = await loaded([], { JOIN_ROOM: joined });
  connection.hear('INVITATION_RECEIVED', { room_id: 55, room_info: { name: 'new' }, inviter: { user_id: 8, nickname: 'n' } });
  await model.open(await model.join(55));
  assert.deepEqual([idsOf(model.current), model.invitations.all], [[1], []]);
  assert.equal(connection.requests('GET_MESSAGES').length, 0);
});

test('coming and going is remarked; a room that is not known is asked for', async () => {
  const { connection, room } = await loaded([listed(ROOM)]);
  connection.hear('USER_JOINED', { room_id: ROOM, user: { user_id: 9, nickname: 'nine' }, participants_count: 3 });
  connection.hear('HOST_CHANGED', { room_id: ROOM, host_user_id: 9, nickname: 'nine' });
  connection.hear('USER_LEFT', { room_id: ROOM, user: { user_id: 9, nickname: 'nine' }, participants_count: 2 });
  assert.deepEqual(room.entries.map((one) => [one.text, one.name]), [['joined', 'nine'], ['hostChanged', 'nine'], ['left', 'nine']]);
  assert.equal(room.count, 2);
  connection.hear('NEW_MESSAGE', message(3, { room: 66 }));
  connection.hear('NEW_MESSAGE', message(4, { room: 66 }));
  await settle();
  assert.equal(connection.requests('LIST_ROOMS').length, 2); // at first, and once for both
});

test('leaving a room closes it', async () => {
  const { model } = await loaded([listed(ROOM)], { EXIT_ROOM: { room_id: ROOM } });
  await model.open(ROOM);
  await model.leave(ROOM);
  assert.deepEqual([model.currentId, namesOf(model)], [null, []]);
});

test('calls: heard of, joined instead of a second one, and forgotten when they are over', async () => {
  const store = new FakeStorage();
  const created = { video_room_id: 200, chat_room_id: ROOM, video_room_name: 'room 100' };
  const { connection, model, room } = await loaded([listed(ROOM)], { CREATE_VIDEO_ROOM: created }, store);
  assert.equal(await model.calls.enter(room), 200);
  assert.equal(await model.calls.enter(room), 200);
  assert.deepEqual(connection.requests('CREATE_VIDEO_ROOM').map((one) => one.max_participants), [6]);
  const over = await loaded([listed(ROOM)], { GET_VIDEO_ROOM_PARTICIPANT: refused('VIDEO_ROOM_NOT_FOUND') }, store);
  assert.equal(over.model.calls.of(ROOM), null); // it ended while this page was away
  connection.hear('VIDEO_ROOM_CLOSED', { video_room_id: 199, chat_room_id: ROOM });
  assert.equal(model.calls.of(ROOM).id, 200);
  connection.hear('VIDEO_ROOM_CLOSED', { video_room_id: 200, chat_room_id: ROOM });
  assert.equal(model.calls.of(ROOM), null);
});

test('pictures go up one after the other, wait for a connection, and become messages', async () => {
  const { connection, model } = await loaded([listed(ROOM)]);
  connection.tell('state', { state: 'reconnecting' });
  model.uploads.add(ROOM, { name: 'a.png' }, null);
  model.uploads.add(ROOM, { name: 'b.png' }, 5);
  assert.deepEqual([connection.uploaded.length, model.uploads.of(ROOM).map((one) => one.state)], [0, ['waiting', 'waiting']]);
  connection.tell('state', { state: 'connected' });
  assert.equal(connection.uploaded.length, 1);
  connection.state = 'reconnecting';
  connection.uploaded[0].reject(refused('DISCONNECTED'));
  await settle();
  assert.deepEqual(model.uploads.of(ROOM).map((one) => one.state), ['waiting', 'waiting']);
  connection.tell('state', { state: 'connected' });
  connection.uploaded[1].resolve({ file_path: '/storage/a' });
  await settle();
  connection.uploaded[2].reject(refused('FILE_UPLOAD_FAILED'));
  await settle();
  assert.deepEqual(connection.sent, [[ROOM, '', { replyTo: null, fileInfo: { file_path: '/storage/a' } }]]);
  assert.deepEqual(model.uploads.of(ROOM).map((one) => [one.file.name, one.state]), [['b.png', 'failed']]);
  model.uploads.again(model.uploads.of(ROOM)[0]);
  model.uploads.cancel(model.uploads.of(ROOM)[0]);
  assert.ok(connection.uploaded[3].options.signal.aborted);
});
