/** Users on pages, a server, and a network between their peer connections. */

import assert from 'node:assert/strict';

import { Call, Connection } from '../../assa/web/assa/assa.js';
import { FakeClock, settle } from './clock.mjs';
import { FakeNetwork, FakeStream } from './peers.mjs';
import { FakeServer, FakeStorage } from './server.mjs';

export const ROOM = 100;
export const VIDEO_ROOM = 200;

export class World {
  clock = new FakeClock();
  server = new FakeServer(this.clock);
  network = new FakeNetwork();

  constructor() {
    this.server.videoRooms.set(VIDEO_ROOM, []);
  }

  page(userId, options = {}) {
    return new Page(this, userId, options);
  }

  async connected(userId, options) {
    const page = this.page(userId, options);
    await page.connection.connect();
    await settle();
    return page;
  }

  /** Return pages whose users take part in the call, one after the other. */
  async inCall(...userIds) {
    const pages = [];
    for (const userId of userIds) {
      const page = await this.connected(userId);
      await page.join();
      pages.push(page);
    }
    return pages;
  }

  /** Check that each has a way to each of the others, and only that, and that nothing is negotiated any more. */
  async allTalk(...pages) {
    await settle();
    for (const page of pages) {
      const others = pages.filter((one) => one !== page).map((one) => one.userId);
      const ways = page.call.participants.map(({ userId, state }) => [userId, state]).sort();
      assert.deepEqual(ways, others.map((userId) => [userId, 'connected']).sort(), `of user ${page.userId}`);
      for (const { stream } of page.call.participants) {
        const kinds = stream.getTracks().map((one) => one.kind);
        assert.deepEqual(kinds.sort(), ['audio', 'video'], `what user ${page.userId} gets`);
      }
    }
    assert.equal(this.network.open.length, pages.length * (pages.length - 1));
    for (const pc of this.network.open) {
      assert.equal(pc.signalingState, 'stable');
      assert.deepEqual(pc.transceivers.map((one) => one.receiver.track.kind).sort(), ['audio', 'video']);
      assert.deepEqual(pc.transceivers.map((one) => one.direction), ['sendrecv', 'sendrecv']);
    }
  }
}

/** One user's tab: what it keeps outlives a reload. */
export class Page {
  constructor(world, userId, { store = new FakeStorage(), ...options } = {}) {
    this.world = world;
    this.userId = userId;
    this.store = store;
    this.tokens = 0;
    this.states = [];
    this.events = [];
    this.network = new EventTarget();
    this.connection = new Connection('ws://chat.example.org/ws', {
      token: () => {
        this.tokens += 1;
        return `user-${userId}-${this.tokens}`;
      },
      WebSocket: world.server.WebSocket,
      clock: world.clock,
      random: () => 0,
      network: this.network,
      store,
      ...options,
    });
    this.connection.addEventListener('state', ({ detail }) => this.states.push(detail));
    this.note('NEW_MESSAGE', 'gap', 'queued', 'sent', 'rejected', 'ERROR', 'SERVER_ANNOUNCEMENT');
  }

  /** Write down events as they come. */
  note(...types) {
    for (const type of types) {
      this.connection.addEventListener(type, ({ detail }) => this.events.push({ type, detail }));
    }
  }

  heard(type) {
    return this.events.filter((one) => one.type === type).map((one) => one.detail);
  }

  get contents() {
    return this.heard('NEW_MESSAGE').map((one) => one.data.content);
  }

  get stateNames() {
    return this.states.map((one) => one.state);
  }

  /** Return the page after a reload: what it kept is all that is left. */
  reload(options = {}) {
    for (const socket of this.world.server.live) {
      if (socket.userId !== this.userId) continue;
      socket.onmessage = socket.onclose = null; // there is no page any more that would hear it
      socket.break();
    }
    for (const pc of this.pcs ?? []) pc.close();
    return new Page(this.world, this.userId, { store: this.store, ...options });
  }

  makeCall({ stream = FakeStream.camera(), ...options } = {}) {
    this.pcs = [];
    this.closed = [];
    this.call = new Call(this.connection, VIDEO_ROOM, {
      createPeer: (config) => {
        const pc = this.world.network.create(config);
        this.pcs.push(pc);
        return pc;
      },
      createStream: () => new FakeStream(),
      ...options,
    });
    this.call.addEventListener('closed', ({ detail }) => this.closed.push(detail));
    this.call.setStream(stream);
    return this.call;
  }

  async join(options) {
    const others = await this.makeCall(options).join();
    await settle();
    return others;
  }

  /** The peer connections that are in use. */
  get ways() {
    return this.pcs.filter((one) => one.signalingState !== 'closed');
  }
}
