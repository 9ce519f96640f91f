/** Files: one PUT up, blob URLs down (v1.1, REQUEST_UPLOAD). */

import assert from 'node:assert/strict';
import test from 'node:test';

import { AssaError } from '../../assa/web/assa/assa.js';
import { settle } from './clock.mjs';
import { ROOM, World } from './world.mjs';

const PICTURE = () => new File(['abc'], 'cat.png', { type: 'image/png' });
const INFO = { file_path: '/storage/u/cat.png', file_name: 'cat.png', file_size: 3, mime_type: 'image/png' };

const answer = (status, body = '', type = 'application/json') => ({
  status,
  ok: status < 300,
  text: async () => body,
  blob: async () => new Blob([body], { type }),
});

/** Answers in turn, and what was asked. */
function fakeFetch(...answers) {
  const asked = [];
  const fetch = async (url, options) => {
    asked.push({ url, ...options });
    options.signal?.throwIfAborted();
    const next = answers.length > 1 ? answers.shift() : answers[0];
    if (next instanceof Error) throw next;
    return next;
  };
  return { fetch, asked };
}

class FakeXhr {
  static made = [];
  upload = {};
  headers = {};

  constructor() {
    FakeXhr.made.push(this);
  }

  open(method, url) {
    Object.assign(this, { method, url });
  }

  setRequestHeader(name, value) {
    this.headers[name] = value;
  }

  send(body) {
    this.body = body;
  }

  answer(status, responseText = '') {
    Object.assign(this, { status, responseText });
    this.onload();
    this.onloadend();
  }

  abort() {
    this.aborted = true;
    this.onabort();
    this.onloadend();
  }
}

test('upload asks for a place, puts the bytes there, and brings what SEND_MESSAGE wants', async () => {
  const world = new World();
  const { fetch, asked } = fakeFetch(answer(201, '{}'));
  const { connection } = await world.connected(7, { fetch });
  const file = PICTURE();
  assert.deepEqual(await connection.upload(ROOM, file), INFO);
  const [{ data }] = world.server.asked('REQUEST_UPLOAD');
  assert.deepEqual(data, { room_id: ROOM, file_name: 'cat.png', file_size: 3, mime_type: 'image/png' });
  const [put] = asked;
  assert.deepEqual([put.method, put.url], ['PUT', 'http://chat.example.org/uploads/t0ken']);
  assert.equal(put.body, file);
  assert.deepEqual(put.headers, { 'Content-Type': 'image/png' }, 'the URL is the permission: the JWT stays here');
});

test('a type that the system does not know is told from the name', async () => {
  const world = new World();
  const { fetch } = fakeFetch(answer(201, '{}'));
  const { connection } = await world.connected(7, { fetch });
  assert.equal((await connection.upload(ROOM, new File(['x'], 'IMG_1.HEIC'))).mime_type, 'image/heic');
  assert.equal((await connection.upload(ROOM, new File(['x'], 'odd'))).mime_type, 'application/octet-stream');
  assert.equal((await connection.upload(ROOM, new Blob(['x'], { type: 'image/gif' }))).file_name, 'image');
});

test('a refused upload says what the server says', async () => {
  const world = new World();
  const body = '{"error_code": "FILE_UPLOAD_FAILED", "message": "실패", "error_details": "mime_type"}';
  const { fetch } = fakeFetch(answer(415, body), answer(502, '<html>'), new TypeError('network'));
  const { connection } = await world.connected(7, { fetch });
  const failed = () => connection.upload(ROOM, PICTURE()).catch((error) => error);
  const [refused, odd, lost] = [await failed(), await failed(), await failed()];
  for (const error of [refused, odd, lost]) assert.ok(error instanceof AssaError);
  assert.deepEqual([refused.code, refused.message, refused.details], ['FILE_UPLOAD_FAILED', '실패', 'mime_type']);
  assert.deepEqual([odd.code, odd.message], ['FILE_UPLOAD_FAILED', 'HTTP 502']);
  assert.equal(lost.code, 'DISCONNECTED');
  world.server.refuse('REQUEST_UPLOAD', 'USER_NOT_IN_ROOM');
  assert.equal((await failed()).code, 'USER_NOT_IN_ROOM');
});

test('XMLHttpRequest tells the progress, and can be aborted', async () => {
  const world = new World();
  const { connection } = await world.connected(7, { XMLHttpRequest: FakeXhr });
  const parts = [];
  const uploading = connection.upload(ROOM, PICTURE(), { onProgress: (part) => parts.push(part) });
  await settle();
  const request = FakeXhr.made.at(-1);
  assert.deepEqual([request.method, request.headers['Content-Type']], ['PUT', 'image/png']);
  request.upload.onprogress({ loaded: 1, total: 4 });
  request.upload.onprogress({ loaded: 4, total: 4 });
  request.answer(201);
  assert.deepEqual(await uploading, INFO);
  assert.deepEqual(parts, [0.25, 1]);

  const controller = new AbortController();
  const aborted = connection.upload(ROOM, PICTURE(), { signal: controller.signal });
  await settle();
  controller.abort();
  await assert.rejects(aborted, { name: 'AbortError' });
  assert.equal(FakeXhr.made.at(-1).aborted, true);

  const cut = connection.upload(ROOM, PICTURE());
  await settle();
  FakeXhr.made.at(-1).onerror();
  await assert.rejects(cut, { code: 'DISCONNECTED' });
});

test('an upload that is aborted before it begins asks for nothing', async () => {
  const world = new World();
  const { fetch, asked } = fakeFetch(answer(201));
  const { connection } = await world.connected(7, { fetch });
  await assert.rejects(connection.upload(ROOM, PICTURE(), { signal: AbortSignal.abort() }), { name: 'AbortError' });
  assert.equal(world.server.asked('REQUEST_UPLOAD').length, 0);
  const controller = new AbortController();
  const late = connection.upload(ROOM, PICTURE(), { signal: controller.signal });
  controller.abort();
  await assert.rejects(late, { name: 'AbortError' });
  assert.equal(asked.length, 0);
});

test('fileUrl fetches once, with the token, and gives a blob URL', async () => {
  const world = new World();
  const { fetch, asked } = fakeFetch(answer(200, 'bytes', 'image/png'));
  const { connection } = await world.connected(7, { fetch });
  const [one, other] = await Promise.all(['/storage/a.png', '/storage/a.png'].map((path) => connection.fileUrl(path)));
  assert.equal(one, other);
  assert.match(one, /^blob:/);
  assert.equal(await connection.fileUrl('/storage/a.png'), one);
  assert.deepEqual(
    asked.map(({ url, headers, redirect }) => [url, headers.Authorization, redirect]),
    [['http://chat.example.org/storage/a.png', 'Bearer user-7-1', 'error']],
  );
});

test('fileUrl: an expired token is renewed once; a failure is not kept', async () => {
  const world = new World();
  const { fetch, asked } = fakeFetch(answer(401), answer(200, 'x'), answer(403), answer(200, 'x'));
  const page = await world.connected(7, { fetch });
  await page.connection.fileUrl('/storage/a.png');
  assert.deepEqual(asked.map((one) => one.headers.Authorization), ['Bearer user-7-1', 'Bearer user-7-2']);
  await assert.rejects(page.connection.fileUrl('/storage/b.png'), AssaError);
  assert.match(await page.connection.fileUrl('/storage/b.png'), /^blob:/);
});

test('fileUrl never shows the token to another server', async () => {
  const world = new World();
  const { fetch, asked } = fakeFetch(answer(200, 'x'));
  const { connection } = await world.connected(7, { fetch });
  for (const path of ['https://evil.example.com/x', '//evil.example.com/x', 'http://chat.example.org:81/x', '\\\\evil/x']) {
    await assert.rejects(connection.fileUrl(path), { code: 'PERMISSION_DENIED' }, path);
  }
  assert.equal(asked.length, 0);
});

test('of many pictures the oldest URLs are given up, and all with close()', async (context) => {
  const world = new World();
  const { fetch } = fakeFetch(answer(200, 'x'));
  const revoked = context.mock.method(URL, 'revokeObjectURL');
  const { connection } = await world.connected(7, { fetch });
  for (let number = 0; number < 201; number += 1) await connection.fileUrl(`/storage/${number}`);
  await settle();
  assert.equal(revoked.mock.callCount(), 1);
  await connection.close();
  await settle();
  assert.equal(revoked.mock.callCount(), 201);
});
