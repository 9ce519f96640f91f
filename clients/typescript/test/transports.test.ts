/** Lines over TCP (§1.1), frames of WebSocket (v1.1). */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import test from 'node:test';

import { type Transport, webSocket, type Wire } from 'assa-client';
import { tcp } from 'assa-client/node';
import { isLoopback } from '../dist/tcp.js';

interface Told {
  opened: number;
  heard: string[];
  lost: string[];
  wire: Wire;
}

/** Begin to connect; return what it has told so far. */
function dial(transport: Transport, after: () => void = () => {}): Told {
  const told = { opened: 0, heard: [] as string[], lost: [] as string[] };
  const wire = transport({
    opened: () => (told.opened += 1) && after(),
    heard: (text) => told.heard.push(text) && after(),
    lost: (reason) => told.lost.push(reason) && after(),
  });
  return Object.assign(told, { wire });
}

const until = async (condition: () => boolean) => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
};

/** Connect to a server of this test; return both sides. */
async function connected(): Promise<[Told, Socket]> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const told = dial(tcp('127.0.0.1', (server.address() as AddressInfo).port));
  const [peer] = (await once(server, 'connection')) as [Socket];
  server.close();
  await until(() => told.opened === 1);
  return [told, peer];
}

test('TCP: a line is a message, however it is cut into pieces', async () => {
  const [told, peer] = await connected();
  peer.setNoDelay(true);
  const bytes = Buffer.from('{"a":"가나다"}\n{"b":1}\r\n{"c":2}\n{"d":');
  for (let from = 0; from < bytes.length; from += 3) {
    peer.write(bytes.subarray(from, from + 3));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await until(() => told.heard.length === 3);
  assert.deepEqual(told.heard.map((text) => JSON.parse(text)), [{ a: '가나다' }, { b: 1 }, { c: 2 }]);
  peer.end('4');
  await until(() => told.lost.length === 1);
  assert.equal(told.heard.length, 3); // half of a message is none
});

test('TCP: a promise that a line settles goes on before the next line is told', async () => {
  const order: string[] = [];
  const [told, peer] = await connected();
  const original = told.heard.push.bind(told.heard);
  told.heard.push = (text) => {
    order.push(text);
    void Promise.resolve().then(() => Promise.resolve()).then(() => order.push('settled'));
    return original(text);
  };
  peer.write('1\n2\n');
  await until(() => order.length === 4);
  assert.deepEqual(order, ['1', 'settled', '2', 'settled']);
  told.wire.close();
});

test('TCP: who fails to take a line is told the next one all the same', async (context) => {
  const thrown: unknown[] = [];
  const immediately = globalThis.setImmediate;
  context.mock.method(globalThis, 'setImmediate', (work: () => void) =>
    immediately(() => {
      try {
        work();
      } catch (error) {
        thrown.push(error);
      }
    }),
  );
  const [told, peer] = await connected();
  const original = told.heard.push.bind(told.heard);
  told.heard.push = (text) => {
    original(text);
    throw new Error('a defect');
  };
  peer.write('1\n2\n');
  await until(() => told.heard.length === 2);
  peer.end('3\n');
  await until(() => told.lost.length === 1);
  assert.deepEqual([[...told.heard], thrown.length], [['1', '2', '3'], 3]);
});

test('TCP: a name that begins like an address of this machine is another machine: TLS', () => {
  for (const host of ['localhost', 'LOCALHOST', '127.0.0.1', '127.8.9.1', '::1']) assert.ok(isLoopback(host), host);
  for (const host of ['127.example.org', '127.0.0.1.nip.io', 'localhost.example.org', '10.0.0.1', '::2']) {
    assert.ok(!isLoopback(host), host);
  }
});

test('TCP: what was received before the end is told before it', async () => {
  const [told, peer] = await connected();
  peer.end('1\n2\n3\n');
  await until(() => told.lost.length === 1);
  assert.deepEqual([told.heard, told.lost], [['1', '2', '3'], ['the connection was lost']]);
});

test('TCP: after close() nothing is told', async () => {
  const [told, peer] = await connected();
  const original = told.heard.push.bind(told.heard);
  told.heard.push = (text) => {
    told.wire.close();
    return original(text);
  };
  peer.on('error', () => {});
  peer.end('1\n2\n');
  await once(peer, 'close');
  assert.deepEqual([[...told.heard], told.lost], [['1'], []]);
});

test('TCP: each message is sent as a line', async () => {
  const [told, peer] = await connected();
  told.wire.send('{"a":1}');
  const [chunk] = (await once(peer, 'data')) as [Buffer];
  assert.equal(chunk.toString(), '{"a":1}\n');
  told.wire.close();
  await once(peer, 'close');
  peer.destroy();
  assert.deepEqual(told.lost, []);
});

test('TCP: a line without an end is no server', async () => {
  const [told, peer] = await connected();
  peer.on('error', () => {});
  const piece = Buffer.alloc(1_048_576, 'x');
  for (let mebibytes = 0; mebibytes < 18 && !peer.destroyed; mebibytes += 1) peer.write(piece);
  await until(() => told.lost.length === 1);
  assert.deepEqual([told.heard, told.lost], [[], ['the server sent a line without an end']]);
});

test('TCP: where nobody listens it is lost, once', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  const told = dial(tcp('127.0.0.1', port));
  await until(() => told.lost.length > 0);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(told.lost.length, 1);
  assert.match(told.lost[0] ?? '', /ECONNREFUSED/);
  assert.equal(told.opened, 0);
});

test('TCP: closed before it is open, it says nothing', async () => {
  const told = dial(tcp('127.0.0.1', 1));
  told.wire.close();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual([told.opened, told.lost], [0, []]);
});

class FakeSocket {
  static newest: FakeSocket;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onerror: (() => void) | null = null;
  onclose: ((event: { reason?: string }) => void) | null = null;
  readyState = 0;
  readonly sent: string[] = [];
  closed: number | undefined;

  constructor(
    readonly url: string,
    readonly subprotocol: string,
  ) {
    FakeSocket.newest = this;
  }

  send(text: string): void {
    this.sent.push(text);
  }

  close(code?: number): void {
    this.closed = code;
  }
}

const fake = webSocket('wss://chat.example.org/ws', { WebSocket: FakeSocket });

test('WebSocket: a text message is a message, of the subprotocol assa.v1', () => {
  const told = dial(fake);
  const socket = FakeSocket.newest;
  assert.deepEqual([socket.url, socket.subprotocol], ['wss://chat.example.org/ws', 'assa.v1']);
  told.wire.send('too early');
  socket.readyState = 1;
  socket.onopen?.();
  told.wire.send('{}');
  socket.onmessage?.({ data: '{"a":1}' });
  socket.onmessage?.({ data: new ArrayBuffer(1) });
  assert.deepEqual([told.opened, told.heard, socket.sent], [1, ['{"a":1}'], ['{}']]);
  told.wire.close();
  assert.deepEqual([socket.closed, socket.onmessage, told.lost], [1000, null, []]);
});

test('WebSocket: an end is told once, with its reason', () => {
  const told = dial(fake);
  const socket = FakeSocket.newest;
  const { onclose, onerror } = socket;
  onclose?.({ reason: 'shutdown' });
  onerror?.();
  assert.deepEqual(told.lost, ['closed: shutdown']);
});
