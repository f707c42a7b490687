import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LogRecorder, SeededRandom, SimulatedClock, waitFor } from './index.ts';

test('timers fire in the order of their times, not of their making, and a cancelled one does not', async () => {
  const clock = new SimulatedClock();
  const fired: string[] = [];
  clock.schedule(20, () => fired.push('late'));
  clock.schedule(10, () => {
    fired.push('early');
    clock.schedule(5, () => fired.push('nested'));
  });
  clock.schedule(12, () => fired.push('never')).cancel();
  await clock.advance(15);
  assert.deepEqual(fired, ['early', 'nested']);
  assert.equal(clock.pendingTimers, 1);
  await clock.advance(5);
  assert.deepEqual(fired, ['early', 'nested', 'late']);
});

test('the wall clock can jump back while monotonic time goes on', async () => {
  const clock = new SimulatedClock(1_000_000);
  await clock.advance(500);
  clock.jumpWall(-10_000);
  assert.equal(clock.now(), 990_500);
  assert.equal(clock.monotonicMs(), 500);
});

test('one seed gives one sequence', () => {
  const a = new SeededRandom(42);
  const b = new SeededRandom(42);
  assert.deepEqual([a.next(), a.next(), ...a.bytes(4)], [b.next(), b.next(), ...b.bytes(4)]);
  assert.notEqual(new SeededRandom(43).next(), new SeededRandom(42).next());
});

test('waitFor gives the last error of its probe as the cause', async () => {
  await assert.rejects(
    waitFor(() => Promise.reject(new Error('still down')), { timeoutMs: 30, intervalMs: 5, message: 'the server' }),
    (error) => error instanceof Error && /the server/.test(error.message) && (error.cause as Error).message === 'still down',
  );
});

test('a probe that hangs is given up in time', async () => {
  await assert.rejects(
    waitFor(() => new Promise<true>(() => undefined), { timeoutMs: 20, message: 'an answer' }),
    (error) => error instanceof Error && /an answer/.test(error.message) && (error.cause as Error).message === 'the probe did not answer',
  );
});

test('waitFor asks until the answer is neither undefined nor false, and zero is an answer', async () => {
  const answers = [undefined, false, 0, 1] as const;
  let asked = 0;
  assert.equal(await waitFor(() => answers[asked++], { intervalMs: 1 }), 0);
});

test('simulated sleep ends with its time, or with its signal', async () => {
  const clock = new SimulatedClock();
  const abort = new AbortController();
  const outcomes: string[] = [];
  const first = clock.sleep(10).then(() => outcomes.push('slept'));
  const second = clock.sleep(10, abort.signal).catch((error: Error) => outcomes.push(error.message));
  abort.abort(new Error('called off'));
  await second;
  await clock.advance(10);
  await first;
  assert.deepEqual(outcomes, ['called off', 'slept']);
  assert.equal(clock.pendingTimers, 0);
});

test('numbers of a seed lie in [0, 1)', () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const random = new SeededRandom(seed);
      return Array.from({ length: 50 }, () => random.next()).every((value) => value >= 0 && value < 1);
    }),
  );
});

test('a child of a log recorder writes into the same list, with its bindings', () => {
  const log = new LogRecorder();
  log.child({ shard: 's1' }).warn({ count: 2 }, 'slow');
  assert.deepEqual(log.entries, [{ level: 'warn', fields: { shard: 's1', count: 2 }, message: 'slow' }]);
});
