import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom, SimulatedClock } from '@noa/testing';
import { isUUID, uuidv7 } from './uuid.ts';

test('a version-7 id carries its milliseconds first, so that ids sort by creation', async () => {
  const clock = new SimulatedClock(1_700_000_000_000);
  const random = new SeededRandom(1);
  const first = uuidv7(clock, random);
  await clock.advance(1);
  const second = uuidv7(clock, random);
  assert.ok(isUUID(first) && isUUID(second));
  assert.equal(first[14], '7');
  assert.match(first[19] ?? '', /[89ab]/);
  assert.equal(Number.parseInt(first.replaceAll('-', '').slice(0, 12), 16), 1_700_000_000_000);
  assert.ok(first < second);
});

test('isUUID refuses upper case, braces and wrong lengths', () => {
  for (const text of ['', '{0190a5f0-0000-7000-8000-000000000000}', '0190A5F0-0000-7000-8000-000000000000', '0190a5f0'])
    assert.equal(isUUID(text), false, text);
});
