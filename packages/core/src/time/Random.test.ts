import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemRandom } from './Random.ts';

test('random bytes have the asked length, never repeat, and what was handed out stays as it is', () => {
  const drawn = Array.from({ length: 2_000 }, () => systemRandom.bytes(16));
  const before = drawn.map((bytes) => Buffer.from(bytes).toString('hex'));
  // Past the end of the pool and over its size.
  for (const length of [0, 1, 4_095, 4_097, 20_000]) assert.equal(systemRandom.bytes(length).length, length);
  assert.deepEqual(
    drawn.map((bytes) => Buffer.from(bytes).toString('hex')),
    before,
  );
  assert.equal(new Set(before).size, drawn.length);
  assert.ok(!before.includes('0'.repeat(32)), 'wiped bytes are not handed out again');
});
