import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { DelayedPipe } from './DelayedPipe.ts';
import { SimulatedClock } from './SimulatedClock.ts';

function setup(latencyMs: number) {
  const clock = new SimulatedClock();
  const from = new PassThrough();
  const to = new PassThrough();
  const link = { latencyMs };
  let arrived = '';
  to.on('data', (chunk: Buffer) => (arrived += chunk.toString()));
  const pipe = new DelayedPipe({ from, to, clock, latencyMs: () => link.latencyMs });
  return { clock, from, to, link, pipe, arrived: () => arrived };
}

test('a chunk arrives after its latency, not before', async () => {
  const { clock, from, arrived } = setup(50);
  from.write('a');
  await clock.advance(49);
  assert.equal(arrived(), '');
  await clock.advance(1);
  assert.equal(arrived(), 'a');
});

test('a shorter latency set meanwhile does not let later bytes overtake', async () => {
  const { clock, from, link, arrived } = setup(50);
  from.write('first ');
  await clock.advance(1);
  link.latencyMs = 0;
  from.write('second');
  await clock.advance(10);
  assert.equal(arrived(), '');
  await clock.advance(39);
  assert.equal(arrived(), 'first second');
});

test('the end comes after the bytes before it', async () => {
  const { clock, from, to, arrived } = setup(50);
  from.end('last words');
  await clock.advance(49);
  assert.equal(to.writableEnded, false);
  await clock.advance(1);
  assert.deepEqual([arrived(), to.writableEnded], ['last words', true]);
});

test('what is held stays, whatever time passes, and closing waits behind it', async () => {
  const { clock, from, to, pipe, arrived } = setup(0);
  pipe.hold(true);
  from.write('kept');
  await clock.advance(10_000);
  pipe.closed();
  assert.deepEqual([arrived(), to.destroyed], ['', false]);
  pipe.hold(false);
  await clock.advance(0);
  assert.deepEqual([arrived(), to.destroyed], ['kept', true]);
});

test('reading pauses when much is on the way', async () => {
  const { clock, from, pipe, arrived } = setup(0);
  pipe.hold(true);
  const chunk = 'z'.repeat(600_000);
  for (let count = 0; count < 4; count += 1) from.write(chunk);
  await clock.advance(0);
  assert.equal(from.isPaused(), true);
  pipe.hold(false);
  await clock.advance(0);
  assert.equal(arrived().length, 4 * chunk.length);
});
