/** Call: a mesh of peer connections over the server's signalling (§7). */

import assert from 'node:assert/strict';
import test from 'node:test';

import { AssaError } from '../../assa/web/assa/assa.js';
import { settle } from './clock.mjs';
import { FakeStream, FakeTrack } from './peers.mjs';
import { VIDEO_ROOM, World } from './world.mjs';

const ids = (page) => page.call.participants.map((one) => one.userId).sort();

/** Send a description or a candidate as a client that is no assa.js. */
function relay(page, target, fields) {
  const action = fields.candidate === undefined ? 'SDP' : 'ICE_CANDIDATE';
  page.connection.signal(action, { video_room_id: VIDEO_ROOM, target_user_id: target, ...fields });
}

test('two, three and six people talk, each with each', async () => {
  const world = new World();
  const pages = await world.inCall(1, 2);
  await world.allTalk(...pages);
  pages.push(...(await world.inCall(3)));
  await world.allTalk(...pages);
  pages.push(...(await world.inCall(6, 5, 4)));
  await world.allTalk(...pages);
  assert.equal(world.network.open.reduce((sum, pc) => sum + pc.offers, 0), 15, 'one offer a pair');
});

test('six who join in the same moment talk, each with each', async () => {
  const world = new World();
  const pages = await Promise.all([3, 1, 6, 2, 5, 4].map((userId) => world.connected(userId)));
  await Promise.all(pages.map((page) => page.join()));
  await world.clock.advance(5_000);
  await world.allTalk(...pages);
});

test('join() brings the others, and asks with the media that are on at first (§7.2)', async () => {
  const world = new World();
  const [mina] = await world.inCall(1);
  const jun = await world.connected(2);
  const others = await jun.join({ media: { audio: false } });
  assert.deepEqual(others.map((one) => [one.userId, one.nickname, one.role]), [[1, 'n1', 'host']]);
  const asked = world.server.asked('JOIN_VIDEO_ROOM').at(-1).data;
  assert.deepEqual(asked, {
    video_room_id: VIDEO_ROOM,
    media_status: { audio_enabled: false, video_enabled: true },
  });
  assert.deepEqual([mina.call.participants[0].audio, mina.call.participants[0].video], [false, true]);
  assert.equal(mina.call.self.role, 'host');
  assert.deepEqual([jun.call.self.userId, jun.call.self.audio], [2, false]);
});

test('join() fails with what the server says, and can be tried again', async () => {
  const world = new World();
  const page = await world.connected(1);
  world.server.refuse('JOIN_VIDEO_ROOM', 'MAX_PARTICIPANTS_REACHED');
  const call = page.makeCall();
  await assert.rejects(call.join(), (error) => error instanceof AssaError && error.code === 'MAX_PARTICIPANTS_REACHED');
  assert.equal(call.state, 'idle');
  await call.join();
  assert.equal(call.state, 'joined');
  await assert.rejects(call.join(), (error) => error.code === 'CONFLICT');
});

test('join() goes on when the connection is lost and comes back meanwhile', async () => {
  const world = new World();
  const [mina] = await world.inCall(1);
  const jun = await world.connected(2);
  world.server.mute = true;
  const joining = jun.makeCall().join();
  await settle();
  world.server.cut(2);
  world.server.mute = false;
  world.server.cut(1); // what she was to hear was lost too
  await world.clock.advance(1_000);
  await joining;
  await world.clock.advance(5_000);
  await world.allTalk(mina, jun);
});

test('join() is given up with the connection', async () => {
  const world = new World();
  const page = await world.connected(2);
  world.server.mute = true;
  const joining = assert.rejects(page.makeCall().join(), (error) => error.code === 'DISCONNECTED');
  await settle();
  world.server.up = false;
  world.server.cut();
  await world.clock.advance(8_000);
  await joining;
  assert.equal(page.call.state, 'idle');
});

test('leave() gives up the seat and every way; the others see it (§7.6)', async () => {
  const world = new World();
  const [mina, jun, sora] = await world.inCall(1, 2, 3);
  await jun.call.leave();
  await settle();
  assert.deepEqual(jun.closed, [{ reason: 'left', code: undefined }]);
  assert.deepEqual([jun.call.state, jun.ways.length, ids(jun).length], ['closed', 0, 0]);
  assert.deepEqual([ids(mina), ids(sora)], [[3], [1]]);
  await world.allTalk(mina, sora);
  await jun.join();
  await world.allTalk(mina, sora, jun);
});

test('leave() while the server is away is told when it is back', async () => {
  const world = new World();
  const [mina, jun] = await world.inCall(1, 2);
  world.server.cut(2);
  await settle();
  await jun.call.leave();
  assert.equal(jun.call.state, 'closed');
  assert.deepEqual(ids(mina), [2]);
  await world.clock.advance(1_000);
  assert.deepEqual(ids(mina), []);
});

test('leave() before the answer to join() leaves nothing behind', async () => {
  const world = new World();
  const page = await world.connected(1);
  const joining = page.makeCall().join();
  const leaving = page.call.leave();
  await Promise.all([joining, leaving]);
  await settle();
  assert.equal(world.server.videoRooms.get(VIDEO_ROOM)?.length ?? 0, 0);
  assert.equal(page.call.state, 'closed');
});

test('the end of the room, and the seat that moves to another device, close the call', async () => {
  const world = new World();
  const [mina, jun] = await world.inCall(1, 2);
  const phone = await world.connected(2);
  await phone.join();
  await settle();
  assert.deepEqual(jun.closed, [{ reason: 'moved', code: undefined }]);
  await world.allTalk(mina, phone);
  world.server.endVideoRoom(VIDEO_ROOM);
  await settle();
  assert.deepEqual([mina.closed, phone.closed].map(([one]) => one.reason), ['ended', 'ended']);
  assert.equal(world.network.open.length, 0);
});

test('the end of the session is the end of the call', async () => {
  const world = new World();
  const [mina, jun, sora] = await world.inCall(1, 2, 3);
  await jun.connection.close();
  await settle();
  assert.deepEqual([jun.closed, jun.ways], [[{ reason: 'left', code: undefined }], []]);
  await world.allTalk(mina, sora);
  const other = await world.connected(1, { store: mina.store }); // the tab was duplicated
  await settle();
  assert.deepEqual([mina.closed, mina.ways], [[{ reason: 'moved', code: undefined }], []]);
  await other.join();
  await world.clock.advance(3_000);
  await world.allTalk(other, sora);
});

test('failed is not the end of the call: sound and pictures go on, and it can be connected again', async () => {
  const world = new World();
  const [mina, jun] = await world.inCall(1, 2);
  world.server.up = false;
  world.server.cut(1);
  await world.clock.advance(7_000);
  assert.equal(mina.connection.state, 'failed');
  await world.allTalk(mina, jun);
  world.server.up = true;
  await mina.connection.connect();
  await world.allTalk(mina, jun);
});

test('host and media of the others are followed (§7.5)', async () => {
  const world = new World();
  const [mina, jun] = await world.inCall(1, 2);
  mina.call.setAudio(false);
  await settle();
  const [seen] = jun.call.participants;
  assert.deepEqual([seen.audio, seen.video], [false, true]);
  assert.deepEqual(mina.pcs[0].sent.map((one) => [one.kind, one.enabled]), [['audio', false], ['video', true]]);
  mina.call.setAudio(true);
  mina.call.setVideo(false);
  await settle();
  assert.deepEqual([jun.call.participants[0].audio, jun.call.participants[0].video], [true, false]);
  world.server.publish('VIDEO_HOST_CHANGED', { video_room_id: VIDEO_ROOM, host_user_id: 2 });
  await settle();
  assert.deepEqual([jun.call.participants[0].role, jun.call.self.role], ['participant', 'host']);
  assert.equal(mina.call.participants[0].role, 'host');
  assert.equal(mina.pcs[0].offers + jun.pcs[0].offers, 1, 'nothing was negotiated for that');
});

test('events of another video room are not its concern', async () => {
  const world = new World();
  const [mina, jun] = await world.inCall(1, 2);
  world.server.publish('PARTICIPANT_LEFT', { video_room_id: 999, user_id: 2, reason: 'exit' });
  world.server.publish('VIDEO_ROOM_CLOSED', { video_room_id: 999, chat_room_id: 100 });
  await settle();
  await world.allTalk(mina, jun);
});

// --- tracks ---

test('a call can begin without a camera, which is added later without another negotiation', async () => {
  const world = new World();
  const [mina] = await world.inCall(1);
  const jun = await world.connected(2);
  await jun.join({ stream: null });
  assert.deepEqual(jun.pcs[0].sent, []);
  const camera = FakeStream.camera();
  await jun.call.setStream(camera);
  assert.deepEqual(jun.pcs[0].sent, camera.getTracks());
  await jun.call.setStream(FakeStream.camera(['audio']));
  assert.deepEqual(jun.pcs[0].sent.map((one) => one.kind), ['audio']);
  await world.allTalk(mina, jun);
  assert.equal(mina.pcs[0].offers + jun.pcs[0].offers, 1);
});

test('what is switched off stays off in the next stream', async () => {
  const world = new World();
  const [mina] = await world.inCall(1);
  mina.call.setVideo(false);
  const camera = FakeStream.camera();
  await mina.call.setStream(camera);
  assert.deepEqual(camera.getTracks().map((one) => one.enabled), [true, false]);
});

test('a shared screen takes the place of the camera, without another negotiation', async () => {
  const world = new World();
  const [mina, jun] = await world.inCall(1, 2);
  const sharing = [];
  mina.call.addEventListener('sharing', ({ detail }) => sharing.push(detail.on));
  mina.call.setVideo(false);
  const screen = new FakeStream([new FakeTrack('video', '-screen')]);
  await mina.call.shareScreen(screen);
  await settle();
  assert.equal(mina.pcs[0].sent[1], screen.getTracks()[0]);
  assert.equal(jun.call.participants[0].video, true, 'a screen is seen also when the camera is off');
  assert.equal(mina.call.self.stream, screen);
  const [sora] = await world.inCall(3);
  assert.ok(mina.pcs[1].sent.includes(screen.getTracks()[0]), 'a newcomer sees the screen');
  await mina.call.stopSharing();
  await settle();
  assert.equal(jun.call.participants[0].video, false);
  assert.equal(screen.getTracks()[0].stopped, true);
  assert.notEqual(mina.pcs[0].sent[1], screen.getTracks()[0]);
  assert.deepEqual(sharing, [true, false]);
  await world.allTalk(mina, jun, sora);
});

test("the browser's own button ends the sharing of a screen", async () => {
  const world = new World();
  const [mina] = await world.inCall(1, 2);
  const screen = new FakeStream([new FakeTrack('video')]);
  await mina.call.shareScreen(screen);
  screen.getTracks()[0].dispatchEvent(new Event('ended'));
  await settle();
  assert.equal(mina.call.sharing, false);
  assert.notEqual(mina.pcs[0].sent[1], screen.getTracks()[0]);
});

test('stream and peerstate are told', async () => {
  const world = new World();
  const [mina] = await world.inCall(1);
  const told = [];
  mina.call.addEventListener('stream', ({ detail }) => told.push(['stream', detail.userId, detail.stream]));
  mina.call.addEventListener('peerstate', ({ detail }) => told.push(['state', detail.userId, detail.state]));
  const [jun] = await world.inCall(2);
  const { stream } = mina.call.participants[0];
  assert.deepEqual(told, [
    ['stream', 2, stream],
    ['stream', 2, stream],
    ['state', 2, 'connecting'],
    ['state', 2, 'connected'],
  ]);
  await world.allTalk(mina, jun);
});

// --- negotiation ---

for (const [name, first, second] of [['the polite', 1, 2], ['the impolite', 2, 1]]) {
  test(`both offer at once at the beginning, ${name} one was there first`, async () => {
    const world = new World();
    const [there] = await world.inCall(first);
    const comer = await world.connected(second);
    world.server.cut(first); // whose offer waits until the other one has lost patience
    await settle();
    await comer.join();
    await world.clock.advance(0);
    const way = comer.pcs[0];
    for (const kind of ['audio', 'video']) way.addTransceiver(kind); // as the patience's end does
    await settle();
    assert.equal(way.signalingState, 'have-local-offer');
    await world.clock.advance(1_000);
    await world.allTalk(there, comer);
  });

  test(`both offer at once in the middle of a call, ${name} one was there first`, async () => {
    const world = new World();
    const [there, comer] = await world.inCall(first, second);
    for (const pc of world.network.open) pc.restartIce();
    await settle();
    await world.allTalk(there, comer);
    const [polite, impolite] = first === 1 ? [there, comer] : [comer, there];
    assert.deepEqual([polite.pcs[0].rollbacks, impolite.pcs[0].rollbacks], [1, 0]);
    assert.deepEqual([polite.pcs.length, impolite.pcs.length], [1, 1], 'the same connections');
  });
}

test('glare again and again, from both sides, always ends in one negotiated connection', async () => {
  const world = new World();
  const pages = await world.inCall(1, 2, 3);
  let seed = 11;
  const dice = () => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
  for (let round = 0; round < 200; round += 1) {
    for (const pc of world.network.open) if (dice() < 0.4) pc.restartIce();
    for (let turn = dice() * 12; turn > 0; turn -= 1) await new Promise((resolve) => setImmediate(resolve));
  }
  await settle();
  await world.allTalk(...pages);
});

test('a newcomer who gets no offer offers himself after 3 s', async () => {
  const world = new World();
  const passive = await world.connected(1); // a client that waits for the newcomer's offer
  await passive.connection.request('JOIN_VIDEO_ROOM', { video_room_id: VIDEO_ROOM });
  passive.note('SDP', 'ICE_CANDIDATE');
  const [jun] = await world.inCall(2);
  await world.clock.advance(2_999);
  assert.deepEqual(passive.heard('SDP'), []);
  await world.clock.advance(1);
  const [offer] = passive.heard('SDP').map((one) => one.data);
  assert.deepEqual([offer.sender_user_id, offer.sdp_type], [2, 'offer']);
  assert.equal(passive.heard('ICE_CANDIDATE')[0].data.sdp_mid, '0');
  const pc = world.network.create({});
  await pc.setRemoteDescription({ type: 'offer', sdp: offer.sdp_data });
  await pc.setLocalDescription();
  relay(passive, 2, { sdp_type: 'answer', sdp_data: pc.localDescription.sdp });
  await settle();
  assert.equal(jun.pcs[0].signalingState, 'stable');
});

test('those who are there offer at once to a newcomer who only answers', async () => {
  const world = new World();
  const [mina] = await world.inCall(1);
  const passive = await world.connected(2);
  passive.note('SDP');
  await passive.connection.request('JOIN_VIDEO_ROOM', { video_room_id: VIDEO_ROOM });
  await settle();
  assert.deepEqual(passive.heard('SDP').map((one) => one.data.sdp_type), ['offer']);
  assert.equal(mina.pcs[0].signalingState, 'have-local-offer');
});

test('an offer without an answer is said again, three times in all', async () => {
  const world = new World();
  await world.inCall(1);
  const silent = await world.connected(2);
  silent.note('SDP');
  await silent.connection.request('JOIN_VIDEO_ROOM', { video_room_id: VIDEO_ROOM });
  await world.clock.advance(60_000);
  const offers = silent.heard('SDP').map((one) => one.data.sdp_data);
  assert.equal(offers.length, 3);
  assert.equal(new Set(offers).size, 1);
});

test('an offer that comes twice is answered twice, with the same answer', async () => {
  const world = new World();
  const [mina] = await world.inCall(1);
  const other = await world.connected(2);
  other.note('SDP');
  await other.connection.request('JOIN_VIDEO_ROOM', { video_room_id: VIDEO_ROOM });
  await settle();
  const pc = world.network.create({});
  await pc.setRemoteDescription({ type: 'offer', sdp: other.heard('SDP')[0].data.sdp_data });
  await pc.setLocalDescription();
  const answer = { sdp_type: 'answer', sdp_data: pc.localDescription.sdp };
  relay(other, 1, answer);
  relay(other, 1, answer);
  await settle();
  pc.restartIce();
  await settle();
  await pc.setLocalDescription();
  const offer = { sdp_type: 'offer', sdp_data: pc.localDescription.sdp };
  relay(other, 1, offer);
  relay(other, 1, offer);
  await settle();
  const answers = other.heard('SDP').filter((one) => one.data.sdp_type === 'answer');
  assert.equal(answers.length, 2);
  assert.equal(answers[0].data.sdp_data, answers[1].data.sdp_data);
  assert.equal(mina.pcs[0].signalingState, 'stable');
});

test('candidates that come before the description wait for it', async () => {
  const world = new World();
  const [mina] = await world.inCall(1);
  const other = await world.connected(2);
  other.note('SDP');
  await other.connection.request('JOIN_VIDEO_ROOM', { video_room_id: VIDEO_ROOM });
  await settle();
  const pc = world.network.create({});
  await pc.setRemoteDescription({ type: 'offer', sdp: other.heard('SDP')[0].data.sdp_data });
  await pc.setLocalDescription();
  for (const number of [0, 1]) {
    relay(other, 1, { candidate: `candidate:${pc.ufrag}:${number}`, sdp_mid: '0', sdp_mline_index: null });
  }
  relay(other, 1, { candidate: `candidate:${pc.ufrag}:2`, sdp_mid: null, sdp_mline_index: null });
  relay(other, 1, { candidate: '', sdp_mid: null, sdp_mline_index: null });
  await settle();
  assert.equal(mina.pcs[0].candidates.size, 0);
  relay(other, 1, { sdp_type: 'answer', sdp_data: pc.localDescription.sdp });
  await settle();
  assert.equal(mina.pcs[0].candidates.size, 3);
});

test('candidates without end, and without a description, are not kept without end', async () => {
  const world = new World();
  const [mina] = await world.inCall(1);
  const other = await world.connected(2);
  other.note('SDP');
  await other.connection.request('JOIN_VIDEO_ROOM', { video_room_id: VIDEO_ROOM });
  await settle();
  const pc = world.network.create({});
  await pc.setRemoteDescription({ type: 'offer', sdp: other.heard('SDP')[0].data.sdp_data });
  await pc.setLocalDescription();
  for (let number = 0; number < 1_000; number += 1) {
    relay(other, 1, { candidate: `candidate:${pc.ufrag}:${number}`, sdp_mid: '0', sdp_mline_index: null });
  }
  await settle();
  relay(other, 1, { sdp_type: 'answer', sdp_data: pc.localDescription.sdp });
  for (let turn = 0; turn < 50; turn += 1) await settle(); // they are added one after the other
  assert.equal(mina.pcs[0].candidates.size, 256);
  assert.equal(mina.pcs[0].signalingState, 'stable');
});

test('candidates of an offer that was ignored are ignored as well', async () => {
  const world = new World();
  const [impolite] = await world.inCall(9);
  const other = await world.connected(2);
  await other.connection.request('JOIN_VIDEO_ROOM', { video_room_id: VIDEO_ROOM });
  await settle();
  const pc = world.network.create({});
  pc.addTransceiver('audio');
  await pc.setLocalDescription();
  relay(other, 9, { sdp_type: 'offer', sdp_data: pc.localDescription.sdp });
  relay(other, 9, { candidate: 'candidate:ignored:0', sdp_mid: '0', sdp_mline_index: 0 });
  await settle();
  assert.equal(impolite.pcs[0].signalingState, 'have-local-offer');
  const answering = world.network.create({});
  await answering.setRemoteDescription({ type: 'offer', sdp: impolite.pcs[0].localDescription.sdp });
  await answering.setLocalDescription();
  relay(other, 9, { sdp_type: 'answer', sdp_data: answering.localDescription.sdp });
  relay(other, 9, { candidate: 'candidate:good:0', sdp_mid: '0', sdp_mline_index: 0 });
  await settle();
  assert.deepEqual([...impolite.pcs[0].candidates], ['candidate:good:0']);
});

test('somebody who offers sound only gets pictures too, with a second negotiation', async () => {
  const world = new World();
  const [mina] = await world.inCall(9);
  const other = await world.connected(10);
  other.note('SDP');
  await other.connection.request('JOIN_VIDEO_ROOM', { video_room_id: VIDEO_ROOM });
  const pc = world.network.create({});
  pc.addTransceiver('audio');
  await pc.setLocalDescription();
  relay(other, 9, { sdp_type: 'offer', sdp_data: pc.localDescription.sdp });
  await settle();
  const said = other.heard('SDP').map((one) => one.data);
  const answer = said.find((one) => one.sdp_type === 'answer');
  await pc.setRemoteDescription({ type: 'answer', sdp: answer.sdp_data });
  const next = said.at(-1);
  assert.equal(next.sdp_type, 'offer');
  assert.deepEqual(JSON.parse(next.sdp_data).media.map((one) => one.kind), ['audio', 'video']);
  assert.equal(mina.call.participants[0].userId, 10);
});

test('somebody who begins again without leaving is answered by a new connection', async (context) => {
  context.mock.method(console, 'warn', () => {}); // of the one whose connection is closed under his feet
  const world = new World();
  const [mina, jun] = await world.inCall(1, 2);
  const pc = world.network.create({});
  for (const kind of ['audio', 'video']) pc.addTransceiver(kind);
  await pc.setLocalDescription();
  jun.pcs[0].close();
  relay(jun, 1, { sdp_type: 'offer', sdp_data: pc.localDescription.sdp });
  await settle();
  assert.equal(mina.pcs.length, 2);
  assert.equal(JSON.parse(mina.pcs[1].localDescription.sdp).to, JSON.parse(pc.localDescription.sdp).number);
});

test('nonsense from another one does not end the call', async (context) => {
  const warned = context.mock.method(console, 'warn', () => {});
  const world = new World();
  const [mina, jun] = await world.inCall(1, 2);
  for (const sdp_type of ['answer', 'pranswer', 'rollback']) relay(jun, 1, { sdp_type, sdp_data: 'v=0' });
  relay(jun, 1, { candidate: 'nonsense', sdp_mid: 'x', sdp_mline_index: 7 });
  await settle();
  await world.allTalk(mina, jun);
  const fresh = await world.connected(3);
  await fresh.connection.request('JOIN_VIDEO_ROOM', { video_room_id: VIDEO_ROOM });
  await settle();
  relay(fresh, 1, { sdp_type: 'answer', sdp_data: 'v=0' });
  await settle();
  assert.equal(warned.mock.callCount(), 1);
  assert.equal(mina.call.state, 'joined');
});

// --- ICE ---

test('ICE that failed is restarted at once, by the impolite one first', async () => {
  const world = new World();
  const [mina, jun] = await world.inCall(1, 2);
  const [was] = mina.pcs.map((one) => one.ufrag);
  world.network.fail('failed');
  await world.clock.advance(0);
  await world.allTalk(mina, jun);
  assert.notEqual(mina.pcs[0].ufrag, was);
  await world.clock.advance(60_000);
  assert.deepEqual([mina.pcs[0].offers, jun.pcs[0].offers], [0 + 1, 1], 'one restart, after the first offer');
});

test('a way that is disconnected gets 5 s to mend itself', async () => {
  const world = new World();
  const [mina, jun] = await world.inCall(1, 2);
  world.network.fail('disconnected');
  await world.clock.advance(4_000);
  for (const pc of world.network.open) pc.become('connected');
  await world.clock.advance(60_000);
  assert.equal(mina.pcs[0].offers + jun.pcs[0].offers, 1);
  world.network.fail('disconnected');
  await world.clock.advance(5_000);
  await world.allTalk(mina, jun);
  assert.equal(mina.pcs[0].offers + jun.pcs[0].offers, 2);
});

test('a restart that does not help is repeated, less and less often', async () => {
  const world = new World();
  const [mina, jun] = await world.inCall(1, 2);
  world.network.blocked = true;
  world.network.fail('failed');
  for (let second = 0; second < 120; second += 1) {
    await world.clock.advance(1_000);
    for (const pc of world.network.open) if (pc.iceConnectionState === 'checking') pc.become('failed');
  }
  const offers = mina.pcs[0].offers + jun.pcs[0].offers;
  assert.ok(offers > 4, `${offers} offers`);
  world.network.blocked = false;
  await world.clock.advance(60_000);
  await world.allTalk(mina, jun);
});

// --- coming back ---

test('a lost connection that comes back keeps the seat, the connections and the call', async () => {
  const world = new World();
  const [mina, jun] = await world.inCall(1, 2);
  const pcs = [...world.network.open];
  world.server.cut();
  await world.clock.advance(1_000);
  await world.allTalk(mina, jun);
  assert.deepEqual(world.network.open, pcs);
  assert.equal(pcs.reduce((sum, pc) => sum + pc.offers, 0), 1, 'nothing was negotiated');
  assert.equal(world.server.asked('JOIN_VIDEO_ROOM').length, 2);
});

test('somebody who joins while one is away is offered to when he is back', async () => {
  const world = new World();
  const [mina] = await world.inCall(1);
  world.server.cut(1);
  await settle();
  const [jun] = await world.inCall(2);
  await world.clock.advance(1_000);
  await world.allTalk(mina, jun);
});

test('somebody who leaves while one is away is gone when he is back', async () => {
  const world = new World();
  const [mina, jun] = await world.inCall(1, 2);
  world.server.cut(1);
  await settle();
  await jun.call.leave();
  await world.clock.advance(1_000);
  assert.deepEqual(ids(mina), []);
  assert.equal(mina.call.state, 'joined');
});

/** What is lost on its way, of whom: each must be said again. */
for (const [what, userId] of [['offer', 1], ['answer', 2]]) {
  for (const how of ['deaf', 'mute']) {
    test(`an ${what} that is lost (${how}) with the connection is said again after it`, async () => {
      const world = new World();
      const [mina] = await world.inCall(1);
      const jun = await world.connected(2);
      const socket = world.server.live.find((one) => one.userId === userId);
      const { SDP } = world.server;
      world.server.SDP = (...words) => {
        const [sender, data] = words;
        if (sender !== socket || data.sdp_type !== what) return SDP.apply(world.server, words);
        world.server.SDP = SDP;
        if (how === 'mute') SDP.apply(world.server, words); // it was taken, but who knows
        socket.deaf = true;
        return undefined;
      };
      await jun.join();
      await settle();
      assert.equal(socket.deaf, true);
      socket.break();
      await world.clock.advance(2_000);
      await world.allTalk(mina, jun);
    });
  }
}

test('a negotiation in the middle of which both connections are lost is completed', async () => {
  for (let turns = 0; turns < 40; turns += 1) {
    for (const victims of [[1], [2], [1, 2]]) {
      const world = new World();
      const [mina, jun] = await world.inCall(1, 2);
      for (const pc of world.network.open) if (victims.length === 2 || pc === mina.pcs[0]) pc.restartIce();
      for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      for (const socket of world.server.live) {
        if (victims.includes(socket.userId)) Object.assign(socket, { deaf: true });
      }
      for (let turn = 0; turn < turns % 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      for (const victim of victims) world.server.cut(victim);
      await world.clock.advance(5_000);
      await world.allTalk(mina, jun);
    }
  }
});

test('ICE that breaks with the connection is restarted when it is back', async () => {
  const world = new World();
  const [mina, jun] = await world.inCall(1, 2);
  world.server.cut();
  world.network.fail('disconnected');
  await world.clock.advance(1_000);
  await world.allTalk(mina, jun);
});

test('resumed: false: it sits down again, and every way is made anew', async () => {
  const world = new World();
  const [mina, jun, sora] = await world.inCall(1, 2, 3);
  const before = [...jun.pcs];
  world.server.cut(2);
  await settle();
  world.server.keep = -1;
  await world.clock.advance(1_000);
  world.server.keep = 1_000;
  await world.clock.advance(3_000);
  await world.allTalk(mina, jun, sora);
  assert.ok(before.every((pc) => pc.signalingState === 'closed'));
  assert.equal(world.server.asked('EXIT_VIDEO_ROOM').length, 1, 'or the others would not see a newcomer');
});

test('resumed: false, alone in the room: the room does not end', async () => {
  const world = new World();
  const [mina] = await world.inCall(1);
  world.server.cut();
  world.server.keep = -1;
  await world.clock.advance(1_000);
  assert.equal(mina.call.state, 'joined');
  assert.equal(world.server.asked('EXIT_VIDEO_ROOM').length, 0);
  const [jun] = await world.inCall(2);
  await world.allTalk(mina, jun);
});

test('away for too long: the seat is lost, and taken again', async () => {
  const world = new World();
  const [mina, jun] = await world.inCall(1, 2);
  world.server.up = false;
  world.server.cut(2);
  await world.clock.advance(7_000);
  assert.equal(jun.connection.state, 'failed');
  world.server.forgetSessions();
  await settle();
  assert.deepEqual(ids(mina), []);
  world.server.up = true;
  await jun.connection.connect();
  await world.clock.advance(3_000);
  await world.allTalk(mina, jun);
});

test('a room that has ended meanwhile closes the call', async () => {
  const world = new World();
  const [mina] = await world.inCall(1);
  world.server.up = false;
  world.server.cut();
  await world.clock.advance(7_000);
  world.server.forgetSessions();
  world.server.up = true;
  await mina.connection.connect();
  await settle();
  assert.deepEqual(mina.closed, [{ reason: 'ended', code: 'VIDEO_ROOM_NOT_FOUND' }]);
});

test('a seat that has moved to another device meanwhile is left there', async () => {
  const world = new World();
  const [mina, jun] = await world.inCall(1, 2);
  for (const keep of [1_000, -1]) {
    const away = world.server.live.find((one) => one.session === [...world.server.videoRooms.get(VIDEO_ROOM)].at(-1).session);
    const page = keep === 1_000 ? jun : world.phone;
    away.break();
    await settle();
    world.phone = await world.connected(2);
    await world.phone.join();
    world.server.keep = keep;
    await world.clock.advance(5_000);
    world.server.keep = 1_000;
    assert.deepEqual(page.closed, [{ reason: 'moved', code: undefined }]);
    await world.allTalk(mina, world.phone);
  }
});

test('sitting down again survives another loss, and a database that is away', async () => {
  const world = new World();
  const [mina, jun] = await world.inCall(1, 2);
  world.server.keep = -1;
  world.server.cut(2);
  world.server.refuse('JOIN_VIDEO_ROOM', 'SERVICE_UNAVAILABLE', { retry_after_ms: 500 });
  await world.clock.advance(1_000);
  assert.equal(jun.call.state, 'joining');
  world.server.cut(2);
  await world.clock.advance(1_000);
  world.server.refuse('GET_VIDEO_ROOM_PARTICIPANT', 'RATE_LIMITED', { retry_after_ms: 700 });
  world.server.cut(2);
  await world.clock.advance(5_000);
  await world.allTalk(mina, jun);
});

test('a mute that is told while away is told when it is back', async () => {
  const world = new World();
  const [mina, jun] = await world.inCall(1, 2);
  world.server.cut(1);
  await settle();
  mina.call.setAudio(false);
  await world.clock.advance(1_000);
  assert.equal(jun.call.participants[0].audio, false);
});

test('a page that is reloaded in a call takes part again, as a newcomer', async () => {
  const world = new World();
  const [mina, jun, sora] = await world.inCall(1, 2, 3);
  const again = jun.reload();
  await again.connection.connect();
  await again.join();
  await world.clock.advance(3_000);
  await world.allTalk(mina, again, sora);
});

test('a page that is reloaded alone in a call does not end it', async () => {
  const world = new World();
  const [mina] = await world.inCall(1);
  const again = mina.reload();
  await again.connection.connect();
  await again.join();
  const [jun] = await world.inCall(2);
  await world.allTalk(again, jun);
});

test('signalling that is refused for a while is said again', async () => {
  const world = new World();
  const [mina] = await world.inCall(1);
  world.server.refuse('SDP', 'RATE_LIMITED', { retry_after_ms: 400 }, 2);
  world.server.refuse('ICE_CANDIDATE', 'RATE_LIMITED', { retry_after_ms: 300 }, 3);
  world.server.refuse('MEDIA_STATUS', 'RATE_LIMITED', { retry_after_ms: 300 });
  const [jun] = await world.inCall(2);
  mina.call.setAudio(false);
  await world.clock.advance(1_000);
  await world.allTalk(mina, jun);
  assert.equal(jun.call.participants[0].audio, false);
});

test('signalling that is refused because there is no seat any more closes the call', async () => {
  const world = new World();
  const [mina, jun] = await world.inCall(1, 2);
  const [seat, ...rest] = world.server.videoRooms.get(VIDEO_ROOM);
  world.server.videoRooms.set(VIDEO_ROOM, rest); // she has left the chat room on another device
  seat.session.seats.clear();
  world.network.fail('failed');
  await world.clock.advance(10_000);
  assert.deepEqual(mina.closed, [{ reason: 'ended', code: 'USER_NOT_IN_ROOM' }]);
  assert.equal(jun.call.state, 'joined');
});

// --- TURN ---

test('TURN credentials are renewed before they expire, and given to every connection', async () => {
  const world = new World();
  const second = world.clock.now() / 1_000;
  world.server.iceServers = [{ urls: ['turn:x'], username: `${second + 1_000}:1`, credential: 'a' }];
  const [mina, jun] = await world.inCall(1, 2);
  assert.equal(mina.pcs[0].config.iceServers[0].credential, 'a');
  world.server.iceServers = [{ urls: ['turn:x'], username: `${second + 3_000}:1`, credential: 'b' }];
  world.server.refuse('GET_ICE_SERVERS', 'SERVICE_UNAVAILABLE');
  for (let minute = 0; minute < 20; minute += 1) {
    world.server.tell(1, 'PING');
    world.server.tell(2, 'PING');
    await world.clock.advance(60_000);
    if (minute === 12) assert.equal(world.server.asked('GET_ICE_SERVERS').length, 0);
  }
  assert.equal(mina.pcs[0].config.iceServers[0].credential, 'b');
  assert.equal(jun.pcs[0].config.iceServers[0].credential, 'b');
  await mina.call.leave();
  await jun.call.leave();
  assert.deepEqual(world.clock.waiting.filter((ms) => ms > 70_000), []);
});

test('without TURN there is nothing to renew', async () => {
  const world = new World();
  world.server.iceServers = [{ urls: ['stun:x'] }];
  await world.inCall(1);
  await world.clock.advance(60_000);
  assert.equal(world.server.asked('GET_ICE_SERVERS').length, 0);
});
