/**
 * The library against a real server: `ASSA_URL` is its WebSocket, `ASSA_TOKEN_1` to `_3` are tokens of the users 1
 * to 3, `ASSA_TOKEN_SHORT` one of user 1 that expires in a minute, and `ASSA_CUES` a directory: whoever started the
 * server kills it and starts it again when a file `restart` appears there, and removes that file.
 * Run with `--experimental-websocket`. Sound and pictures go over a network in memory.
 */

import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import test, { afterEach } from 'node:test';

import { AssaError, Call, Connection } from '../../../assa/web/assa/assa.js';
import { FakeNetwork, FakeStream, FakeTrack } from '../peers.mjs';
import { FakeStorage } from '../server.mjs';

const { ASSA_URL, ASSA_CUES } = process.env;
const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const open = [];
const live = (name, run) => test(name, { skip: !ASSA_URL && 'ASSA_URL is not set' }, run);

afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});

async function until(condition, what, ms = 10_000) {
  for (const end = Date.now() + ms; !condition(); ) {
    assert.ok(Date.now() < end, `${what} within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function connection(userId, options = {}) {
  const made = new Connection(ASSA_URL, {
    token: () => process.env[`ASSA_TOKEN_${userId}`],
    store: new FakeStorage(),
    WebSocket: class extends WebSocket {
      constructor(...asked) {
        if (made.gone) throw new Error('this page is gone');
        super(...asked);
      }
    },
    ...options,
  });
  open.push(made);
  made.contents = [];
  made.states = [];
  made.addEventListener('NEW_MESSAGE', ({ detail }) => made.contents.push(detail.data.content));
  made.addEventListener('state', ({ detail }) => made.states.push(detail.state));
  return made;
}

/** Let a page go away, as a reload does: its connection is lost, and does not come back. */
function leave(page) {
  page.gone = true;
  page.drop();
}

/** Return connections of the first users, and a chat room that all are in. */
async function inRoom(count) {
  const all = Array.from({ length: count }, (_, index) => connection(index + 1));
  await Promise.all(all.map((one) => one.connect()));
  const { room_id: roomId } = await all[0].request('CREATE_ROOM', { name: 'live', is_open: true });
  for (const one of all.slice(1)) await one.request('JOIN_ROOM', { room_id: roomId });
  return [roomId, ...all];
}

live('messages, replies, receipts and refusals', async () => {
  const [roomId, mina, jun] = await inRoom(2);
  const receipts = [];
  mina.addEventListener('MESSAGE_RECEIVED', ({ detail }) => receipts.push(detail.data));
  const sent = await mina.sendMessage(roomId, '안녕하세요');
  await until(() => jun.contents.length === 1, 'the message comes');
  const reply = await jun.sendMessage(roomId, 'hello', { replyTo: sent.message_id });
  assert.ok(reply.message_id > sent.message_id);
  await jun.request('CHECK_RECEIVE', { room_id: roomId, message_ids: [sent.message_id] });
  await until(() => receipts.length === 1, 'the receipt comes');
  assert.deepEqual(receipts[0].message_ids, [sent.message_id]);
  await assert.rejects(mina.sendMessage(roomId, ' '), (error) => error instanceof AssaError && error.code === 'INVALID_MESSAGE');
  await assert.rejects(mina.request('NONSENSE'), { code: 'UNKNOWN_ACTION' });
});

live('connections that break again and again: each message once and in order', async () => {
  const [roomId, mina, jun] = await inRoom(2);
  const wanted = Array.from({ length: 60 }, (_, index) => `m${index}`);
  const sending = wanted.map((content) => mina.sendMessage(roomId, content));
  for (let loss = 0; loss < 3; loss += 1) {
    await until(() => jun.contents.length >= loss * 15 + 5 || mina.state !== 'connected', 'something comes');
    mina.drop();
    jun.drop();
    await until(() => mina.state === 'connected' && jun.state === 'connected', 'both come back');
  }
  await Promise.all(sending);
  await until(() => jun.contents.length >= wanted.length, 'all come');
  assert.deepEqual(jun.contents, wanted);
});

live('a server that is killed and started again: nothing is lost, none comes twice', async () => {
  const [roomId, mina, jun] = await inRoom(2);
  const gaps = [];
  for (const one of [mina, jun]) one.addEventListener('gap', () => gaps.push(one));
  const wanted = [];
  const sending = [];
  const say = (content) => {
    wanted.push(content);
    sending.push(mina.sendMessage(roomId, content));
  };
  for (let number = 0; number < 30; number += 1) say(`before ${number}`);
  writeFileSync(`${ASSA_CUES}/restart`, '');
  await until(() => mina.state !== 'connected', 'the server dies');
  say('while it is away');
  await until(() => !existsSync(`${ASSA_CUES}/restart`), 'it is started again', 20_000);
  for (const one of [mina, jun]) {
    await until(() => ['connected', 'failed'].includes(one.state), 'it comes back or gives up');
    await one.connect();
  }
  say('after');
  await Promise.all(sending);
  await until(() => jun.contents.length >= wanted.length, 'all come');
  assert.deepEqual(jun.contents, wanted);
  assert.deepEqual(gaps, []);
});

live('a page that is reloaded resumes', async () => {
  const [roomId, mina, jun] = await inRoom(2);
  const store = new FakeStorage();
  const page = connection(2, { store });
  const before = await page.connect();
  leave(page);
  const again = connection(2, { store });
  await jun.sendMessage(roomId, 'missed');
  const after = await again.connect();
  assert.equal(after.session_id, before.session_id);
  assert.equal(after.reconnection_info.resumed, true);
  await until(() => again.contents.includes('missed'), 'what was missed comes');
  assert.equal(mina.state, 'connected');
});

live('two tabs of one device: the older one is replaced and stays away', async () => {
  const older = connection(1, { deviceId: 'tab' });
  await older.connect();
  const newer = connection(1, { deviceId: 'tab' });
  await newer.connect();
  await until(() => older.state === 'closed', 'the older one is closed');
  assert.equal(older.reason, 'SESSION_REPLACED');
  assert.equal(newer.state, 'connected');
});

live('a token that expires is renewed; one that is refused is asked for again', async () => {
  const tokens = [process.env.ASSA_TOKEN_SHORT, process.env.ASSA_TOKEN_1];
  const asked = [];
  const token = () => asked.push(0) && tokens[Math.min(asked.length, 2) - 1];
  const mina = connection(1, { token });
  await mina.connect();
  await until(() => asked.length === 2, 'the warning comes');
  assert.deepEqual(await mina.request('LIST_ROOMS', {}).then(Object.keys), ['rooms']);
  const jun = connection(2, { token: () => 'no token' });
  await assert.rejects(jun.connect(), { code: 'INVALID_TOKEN' });
  assert.deepEqual(jun.states, ['connecting', 'failed']);
});

live('close() ends the session', async () => {
  const mina = connection(1);
  const { session_id: before } = await mina.connect();
  await mina.close();
  assert.notEqual((await mina.connect()).session_id, before);
});

live('an image goes up, is sent, and is seen by members only', async () => {
  const [roomId, mina, jun, sora] = await inRoom(3);
  await sora.request('EXIT_ROOM', { room_id: roomId });
  const file = new File([Buffer.from(PIXEL, 'base64')], '점.png', { type: 'image/png' });
  const fileInfo = await mina.upload(roomId, file);
  assert.equal(fileInfo.file_size, file.size);
  const images = [];
  jun.addEventListener('NEW_MESSAGE', ({ detail }) => images.push(detail.data.file_info));
  await mina.sendMessage(roomId, '', { fileInfo });
  await until(() => images.length === 1, 'the image comes');
  assert.deepEqual(images[0], fileInfo);
  const url = await jun.fileUrl(images[0].file_path);
  const seen = Buffer.from(await (await fetch(url)).arrayBuffer());
  assert.equal(seen.toString('base64'), PIXEL);
  await assert.rejects(sora.fileUrl(fileInfo.file_path), AssaError);
  const liar = new File(['MZ not a picture'], 'cat.png', { type: 'image/png' });
  await assert.rejects(mina.upload(roomId, liar), { code: 'FILE_UPLOAD_FAILED' });
});

// --- calls ---

/** Return a call of each, joined one after the other. */
async function callOf(network, all, videoRoomId) {
  const calls = [];
  for (const one of all) {
    const call = new Call(one, videoRoomId, { createPeer: network.create, createStream: () => new FakeStream() });
    call.setStream(FakeStream.camera());
    call.closed = [];
    call.addEventListener('closed', ({ detail }) => call.closed.push(detail.reason));
    await call.join();
    calls.push(call);
  }
  return calls;
}

const talk = (calls) => () =>
  calls.every(
    ({ participants }) =>
      participants.length === calls.length - 1 &&
      participants.every((one) => one.state === 'connected' && one.stream?.getTracks().length === 2),
  );

async function inCall(count) {
  const [roomId, ...all] = await inRoom(count);
  const asked = { chat_room_id: roomId, video_room_name: 'call', max_participants: 6 };
  const { video_room_id: videoRoomId } = await all[0].request('CREATE_VIDEO_ROOM', asked);
  const network = new FakeNetwork();
  const calls = await callOf(network, all, videoRoomId);
  await until(talk(calls), 'all talk');
  return { all, calls, network, videoRoomId };
}

live('three people talk; mute, screen, host and leaving are seen', async () => {
  const { calls } = await inCall(3);
  const [mina, jun, sora] = calls;
  const seenBy = (call, userId) => call.participants.find((one) => one.userId === userId);
  assert.equal(seenBy(jun, 1).role, 'host');
  mina.setAudio(false);
  await until(() => seenBy(jun, 1).audio === false && seenBy(sora, 1).audio === false, 'the mute is seen');
  mina.setVideo(false);
  await mina.shareScreen(new FakeStream([new FakeTrack('video')]));
  await until(() => seenBy(jun, 1).video === true, 'the screen is seen');
  await mina.leave();
  await until(() => !seenBy(jun, 1) && !seenBy(sora, 1), 'the leaving is seen');
  await until(() => jun.self.role === 'host', 'there is another host');
  await jun.leave();
  await sora.leave();
  assert.deepEqual([mina, jun, sora].map((one) => one.closed), [['left'], ['left'], ['left']]);
});

live('a call survives lost connections, and glare while they are away', async () => {
  const { all, calls, network } = await inCall(3);
  const pcs = [...network.open];
  for (const one of all) one.drop();
  for (const pc of pcs) pc.restartIce();
  await until(() => all.every((one) => one.state === 'connected'), 'all come back');
  await until(() => pcs.every((pc) => pc.ufrag === pc.connectedAs && pc.signalingState === 'stable'), 'all is negotiated');
  await until(talk(calls), 'all talk');
  assert.deepEqual(network.open, pcs);
});

live('a call survives a server that is killed and started again', async () => {
  const { all, calls, network } = await inCall(2);
  const pcs = [...network.open];
  writeFileSync(`${ASSA_CUES}/restart`, '');
  await until(() => all.every((one) => one.state !== 'connected'), 'the server dies');
  pcs[0].restartIce();
  await until(() => !existsSync(`${ASSA_CUES}/restart`), 'it is started again', 20_000);
  await Promise.all(all.map((one) => one.connect()));
  await until(() => pcs[0].offers + pcs[1].offers === 2 && pcs.every((pc) => pc.signalingState === 'stable'), 'it goes on');
  await until(talk(calls), 'all talk');
  assert.deepEqual(network.open, pcs);
});

live('a seat moves to another device, and a reloaded page takes part again', async () => {
  const { all, calls, network, videoRoomId } = await inCall(2);
  const phone = connection(2);
  await phone.connect();
  const [other] = await callOf(network, [phone], videoRoomId);
  await until(() => calls[1].closed.length === 1, 'the older device hears of it');
  assert.deepEqual(calls[1].closed, ['moved']);
  await until(talk([calls[0], other]), 'both talk');

  const store = new FakeStorage();
  const page = connection(2, { store });
  await page.connect();
  const [third] = await callOf(network, [page], videoRoomId);
  await until(talk([calls[0], third]), 'both talk');
  leave(page);
  const again = connection(2, { store });
  await again.connect();
  const [fourth] = await callOf(network, [again], videoRoomId);
  await until(talk([calls[0], fourth]), 'both talk');
  assert.equal(all[0].state, 'connected');
});
