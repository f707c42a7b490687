import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedClock } from '@noa/testing';
import { openLoop } from './openLoop.ts';

/** Runs an open loop in simulated time. */
async function setup(send: (clock: SimulatedClock, index: number) => Promise<number>) {
  const clock = new SimulatedClock();
  const running = openLoop({ clock, ratePerSecond: 10, seconds: 1, send: (index) => send(clock, index) });
  for (let step = 0; step < 200; step += 1) await clock.advance(50);
  return running;
}

test('latency counts from when a request was due', async () => {
  const { latenciesMs, statuses } = await setup(async (clock) => {
    await clock.sleep(300);
    return 200;
  });
  assert.deepEqual(
    latenciesMs,
    Array.from({ length: 10 }, () => 300),
  );
  assert.deepEqual(statuses, { 200: 10 });
});

test('a server that stalls does not slow the load: waiting shows in the latencies', async () => {
  const { latenciesMs } = await setup(async (clock, index) => {
    // Nothing is answered before 2 s.
    const dueMs = index * 100;
    await clock.sleep(2_000 - dueMs);
    return 200;
  });
  assert.deepEqual(
    latenciesMs,
    Array.from({ length: 10 }, (_, index) => 2_000 - index * 100),
  );
});

test('failed requests are counted, not left out', async () => {
  const { statuses, latenciesMs } = await setup((_, index) => (index === 3 ? Promise.reject(new Error('reset')) : Promise.resolve(200)));
  assert.deepEqual(statuses, { 200: 9, failed: 1 });
  assert.equal(latenciesMs.length, 10);
});
