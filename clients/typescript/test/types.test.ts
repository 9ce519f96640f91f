/** What the compiler lets pass, and what it does not. */

import assert from 'node:assert/strict';
import test from 'node:test';

import type { Client } from 'assa-client';

/** Never called: it is enough that it compiles. */
export async function typed(client: Client): Promise<void> {
  const { participants, recent_messages: recent } = await client.ask('JOIN_ROOM', { room_id: 1 });
  const names: string[] = [...participants.map((one) => one.nickname), ...recent.map((one) => one.user.nickname)];
  client.on('PARTICIPANT_JOINED', ({ participant }) => names.push(participant.role));
  await client.signal('SDP', { video_room_id: 1, target_user_id: 2, sdp_type: 'offer', sdp_data: '' });

  // @ts-expect-error - no room
  await client.ask('JOIN_ROOM', {});
  // @ts-expect-error - no id
  await client.ask('JOIN_ROOM', { room_id: '1' });
  // @ts-expect-error - no such action
  await client.ask('JOIN', { room_id: 1 });
  // @ts-expect-error - not answered
  await client.ask('MEDIA_STATUS', { video_room_id: 1, audio_enabled: true, video_enabled: true });
  // @ts-expect-error - answered
  await client.signal('JOIN_ROOM', { room_id: 1 });
  // @ts-expect-error - no such event
  client.on('OLD_MESSAGE', () => {});
  // @ts-expect-error - no such field
  client.on('NEW_MESSAGE', ({ text }) => text);
}

test('the types of requests, answers and events are those of the protocol', () => {
  assert.equal(typeof typed, 'function');
});
