/** What README.md and README.ko.md show is valid, and there. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

import { Call, Connection } from '../../assa/web/assa/assa.js';

const AsyncFunction = (async () => {}).constructor;
const texts = ['README.md', 'README.ko.md'].map((name) =>
  readFileSync(new URL(`../../assa/web/assa/${name}`, import.meta.url), 'utf8'),
);
const examples = texts.map((text) => [...text.matchAll(/```js\n(.*?)```/gs)].map(([, code]) => code));

/** Everything of a class, but what is inherited from EventTarget. */
const members = (made) => Object.getOwnPropertyNames(made.prototype).filter((name) => name !== 'constructor');

test('the examples are JavaScript of about 30 lines, and use what is there', () => {
  const known = { connection: new Set(members(Connection)), call: new Set(members(Call)) };
  for (const code of examples.flat()) {
    new AsyncFunction(code.replace(/^import .*$/gm, ''));
    const lines = code.trim().split('\n').length;
    assert.ok(lines >= 25 && lines <= 40, `${lines} lines`);
    for (const [, object, name] of code.matchAll(/\b(connection|call)\.(\w+)/g)) {
      assert.ok(name === 'addEventListener' || known[object].has(name), `${object}.${name}`);
    }
  }
  assert.deepEqual(examples.map((one) => one.length), [2, 2]);
});

test('the examples of both languages do the same', () => {
  const bare = (code) => code.replace(/ *\/\/.*$/gm, '').replace(/'[^']*'/g, "''");
  assert.deepEqual(examples[0].map(bare), examples[1].map(bare));
});

test('everything public is described', () => {
  for (const text of texts) {
    for (const name of [...members(Connection), ...members(Call)]) {
      if (['clock', 'sharing', 'state', 'drop'].includes(name)) continue;
      assert.match(text, new RegExp(`\`${name}\\b|, \`${name}|${name}\\(`), name);
    }
  }
});
