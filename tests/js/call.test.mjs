/** Call: a mesh of peer connections over the server's signalling (§7). */

import assert from 'node:assert/strict';
import test from 'node:test';

import { settle } from './clock.mjs';
import { FakeStream } from './peers.mjs';
import { VIDEO_ROOM, World } from './world.mjs';

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
