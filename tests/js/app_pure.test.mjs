/** The web client's logic without a page: what is grouped, linked, counted, fitted, remembered. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { linkify } from '../../assa/web/app/linkify.js';
import { Memory } from '../../assa/web/app/memory.js';
import { Receipts } from '../../assa/web/app/receipts.js';
import { TEXTS } from '../../assa/web/app/texts.js';
import { clockText, columnsFor, fitOf } from '../../assa/web/app/tiling.js';
import { arranged, daysAgo, entryOf, merge } from '../../assa/web/app/timeline.js';
import { Unread } from '../../assa/web/app/unread.js';
import { faultOf } from '../../assa/web/app/uploads.js';
import { message } from './app_connection.mjs';
import { FakeStorage } from './server.mjs';

const linksOf = (text) => linkify(text).filter((one) => one.href).map((one) => one.href);
const keysOf = (entries) => entries.map((one) => one.key);
const note = (key, at) => ({ kind: 'note', key, at: Date.parse(at), text: 'joined', name: 'x' });
const waiting = (key, at = '2024-01-02T12:00:00Z') => ({
  kind: 'message', key, at: Date.parse(at), message: { ...message(1), message_id: null }, state: 'queued',
});

test('addresses in a text become links, without what closes the sentence', () => {
  assert.deepEqual(linksOf('see https://example.org/a?b=c#d, or (http://example.org).'), ['https://example.org/a?b=c#d', 'http://example.org/']);
  assert.deepEqual(linksOf('지도: https://example.org/지도 입니다'), ['https://example.org/%EC%A7%80%EB%8F%84']);
});

test('only http and https are linked, and nothing of the text is lost', () => {
  for (const text of ['javascript:alert(1)', 'data:text/html,x', 'ftp://example.org', 'http://', 'https://[bad', 'file:///etc/passwd']) {
    assert.deepEqual(linksOf(text), [], text);
  }
  for (const text of ['', 'a https://example.org b https://example.com/ c', '<b>https://example.org</b>"\'']) {
    assert.equal(linkify(text).map((one) => one.text).join(''), text);
  }
});

test('messages are in the order of their ids, each once, before what is on its way', () => {
  const some = merge([], [entryOf(message(5)), waiting('c1'), entryOf(message(2))]);
  const all = merge(some, [entryOf(message(5)), entryOf(message(3))]);
  assert.deepEqual(keysOf(all), ['m2', 'm3', 'm5', 'c1']);
});

test('remarks stay between the messages where they happened', () => {
  const entries = merge([], [
    entryOf(message(1, { at: '2024-01-02T10:00:00Z' })),
    entryOf(message(2, { at: '2024-01-02T12:00:00Z' })),
    note('n1', '2024-01-02T11:00:00Z'),
    note('n2', '2024-01-02T13:00:00Z'),
  ]);
  assert.deepEqual(keysOf(entries), ['m1', 'n1', 'm2', 'n2']);
});

test('an author is named once for what he says within five minutes, and anew each day', () => {
  const at = (id, user, time) => entryOf(message(id, { user, at: time }));
  const shown = arranged([
    at(1, 8, '2024-01-02T03:00:00Z'),
    at(2, 8, '2024-01-02T03:04:00Z'),
    at(3, 8, '2024-01-02T03:10:00Z'),
    at(4, 9, '2024-01-02T03:10:30Z'),
    at(5, 9, '2024-01-04T03:10:40Z'),
  ]);
  assert.deepEqual(shown.map((one) => one.goesOn), [false, true, false, false, false]);
  assert.deepEqual(shown.map((one) => one.ends), [false, true, true, true, true]);
  assert.deepEqual(shown.map((one) => one.newDay), [true, false, false, false, true]);
});

test('days are counted by the calendar, not by hours', () => {
  const at = (day, hour) => new Date(2024, 0, day, hour).getTime();
  assert.equal(daysAgo(at(2, 1), at(2, 23)), 0);
  assert.equal(daysAgo(at(1, 23), at(2, 0)), 1);
  assert.equal(daysAgo(at(1, 1), at(5, 0)), 4);
});

test('unread: what the server has counted, and what came after it', () => {
  const unread = new Unread();
  unread.counted(3, 10);
  unread.heard(10); // known to the count already
  unread.heard(11);
  unread.heard(11);
  assert.equal(unread.count, 4);
  unread.counted(2, 11); // a newer count has the events in it that were heard
  assert.equal(unread.count, 2);
});

test('unread: what is seen is due, oldest first, until it is confirmed', () => {
  const unread = new Unread();
  for (const id of [14, 12, 13]) unread.heard(id);
  assert.deepEqual(unread.due, []);
  unread.seen(13);
  unread.seen(5); // reading goes forward only
  assert.deepEqual(unread.due, [12, 13]);
  unread.answered([12, 13], [14]);
  assert.deepEqual([unread.due, unread.count, unread.first], [[], 1, 14]);
  unread.heard(13); // late: confirmed already
  assert.equal(unread.count, 1);
});

test('unread: an answer with fewer than a hundred pending is the whole truth', () => {
  const unread = new Unread();
  unread.counted(500, 1_000);
  assert.ok(unread.isVague);
  unread.answered([], Array.from({ length: 100 }, (_, place) => place + 1));
  assert.equal(unread.count, 500);
  assert.ok(!unread.isVague);
  unread.heard(1_001);
  unread.answered([], [5, 6]); // the others were confirmed on another device
  assert.deepEqual([unread.count, unread.first], [3, 5]);
});

test('receipts: who has received what, and the oldest are forgotten', () => {
  const receipts = new Receipts();
  receipts.add(8, [1, 2]);
  receipts.add(9, [2]);
  receipts.add(8, [2]);
  assert.deepEqual([receipts.of(1), receipts.of(2), receipts.of(3), receipts.of(null)], [[8], [8, 9], [], []]);
  assert.deepEqual(new Receipts(JSON.parse(JSON.stringify(receipts))).of(2), [8, 9]);
  receipts.add(8, Array.from({ length: 400 }, (_, place) => place + 10));
  assert.deepEqual([receipts.of(1), receipts.of(409)], [[], [8]]);
});

test('what cannot be sent as a picture is told by its kind of fault', () => {
  const file = (name, type, size = 5) => faultOf({ name, type, size });
  assert.equal(file('a.png', 'image/png'), null);
  assert.equal(file('a.HEIC', ''), null); // many systems do not know its type
  assert.equal(file('a.svg', 'image/svg+xml'), 'notPicture');
  assert.equal(file('a.exe', ''), 'notPicture');
  assert.equal(file('a.png', 'image/png', 0), 'emptyFile');
  assert.equal(file('a.png', 'image/png', 10_485_761), 'tooLarge');
});

test('tiles are as large as can be, pictures cut no more than is bearable', () => {
  assert.equal(columnsFor(1, 800, 600), 1);
  assert.equal(columnsFor(2, 1_200, 400), 2);
  assert.equal(columnsFor(2, 400, 800), 1);
  assert.equal(columnsFor(6, 1_200, 700), 3);
  assert.equal(columnsFor(6, 380, 800), 2);
  assert.equal(fitOf(4 / 3, 16 / 9), 'cover');
  assert.equal(fitOf(9 / 16, 16 / 9), 'contain');
  assert.equal(fitOf(16 / 9, 4 / 3), 'contain'); // may be a screen
  assert.equal(fitOf(Number.NaN, 1), 'cover');
  assert.deepEqual([0, 65_000, 3_661_000].map(clockText), ['0:00', '1:05', '1:01:01']);
});

test('memory: of one user, also when the storage is broken or full', () => {
  const store = new FakeStorage();
  new Memory(store, 7).set('drafts', { 1: 'hello' });
  assert.deepEqual(new Memory(store, 7).get('drafts', {}), { 1: 'hello' });
  assert.deepEqual(new Memory(store, 8).get('drafts', {}), {});
  store.setItem('assa.app', '{');
  assert.equal(new Memory(store, 7).get('x', 5), 5);
  const full = { getItem: () => null, removeItem() {}, setItem() { throw new Error('full'); } };
  const memory = new Memory(full, 7);
  memory.set('x', 1);
  assert.equal(memory.get('x', 0), 1);
});

test('every text is there in both languages, with the same places to fill in', () => {
  const places = (text) => [...text.matchAll(/\{(\w+)\}/g)].map((one) => one[1]).sort();
  for (const [key, [korean, english]] of Object.entries(TEXTS)) {
    assert.ok(korean && english, key);
    assert.deepEqual(places(korean), places(english), key);
  }
});
