import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SeededRandom } from '@noa/testing';
import { isNoaError } from '../errors/NoaError.ts';
import { fullJitterMs } from './backoff.ts';
import { Semaphore } from './Semaphore.ts';

test('a pause lies between zero and the capped exponential bound, for every attempt', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 1, max: 10_000 }), fc.integer({ min: 1, max: 200 }), (seed, baseMs, attempt) => {
      const capMs = baseMs * 20;
      const pause = fullJitterMs({ baseMs, capMs }, attempt, new SeededRandom(seed));
      assert.ok(pause >= 0 && pause <= Math.min(capMs, baseMs * 2 ** (attempt - 1)));
    }),
  );
});

test('the jitter fills its range: the mean of many pauses is near half the bound', () => {
  const random = new SeededRandom(7);
  const pauses = Array.from({ length: 5_000 }, () => fullJitterMs({ baseMs: 100, capMs: 1_000 }, 3, random));
  const mean = pauses.reduce((sum, pause) => sum + pause, 0) / pauses.length;
  assert.ok(mean > 185 && mean < 215, `mean ${mean}`);
});

test('a semaphore runs at most its slots, in order, and refuses when the line is full', async () => {
  const semaphore = new Semaphore({ slots: 2, waitersMax: 2 });
  const gates: (() => void)[] = [];
  const started: number[] = [];
  const task = (id: number) =>
    semaphore.run(async () => {
      started.push(id);
      await new Promise<void>((resolve) => gates.push(resolve));
      return id;
    });
  const tasks = [task(1), task(2), task(3), task(4)];
  assert.deepEqual(started, [1, 2]);
  assert.equal(semaphore.waiting, 2);
  await assert.rejects(task(5), (error) => isNoaError(error, 'OVERLOADED') && error.httpStatus === 503 && error.retryable);
  while (gates.length < 4) {
    gates.at(-1)?.();
    await Promise.resolve();
    for (const gate of gates) gate();
    await new Promise((resolve) => setImmediate(resolve));
  }
  for (const gate of gates) gate();
  assert.deepEqual(await Promise.all(tasks), [1, 2, 3, 4]);
  assert.deepEqual(started, [1, 2, 3, 4]);
});

test('a failing task gives its slot back', async () => {
  const semaphore = new Semaphore({ slots: 1, waitersMax: 0 });
  await assert.rejects(semaphore.run(() => Promise.reject(new Error('no'))));
  assert.equal(await semaphore.run(async () => 'yes'), 'yes');
});
