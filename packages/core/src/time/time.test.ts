import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedClock } from '@noa/testing';
import { isNoaError } from '../errors/NoaError.ts';
import { systemClock } from './Clock.ts';
import { Deadline } from './Deadline.ts';
import { Repeater } from './Repeater.ts';

test('a deadline counts down, never below zero, and its header says what is left', async () => {
  const clock = new SimulatedClock();
  const deadline = Deadline.after(clock, 1_000);
  await clock.advance(400);
  assert.equal(deadline.headerValue(), '600');
  await clock.advance(700);
  assert.equal(deadline.remainingMs(), 0);
  assert.throws(
    () => deadline.check(),
    (error) => isNoaError(error, 'DEADLINE_EXCEEDED') && error.httpStatus === 504,
  );
});

test('a deadline header that is absent, malformed or too generous is replaced or cut', () => {
  const clock = new SimulatedClock();
  assert.equal(Deadline.fromHeader(clock, undefined, 500).remainingMs(), 500);
  assert.equal(Deadline.fromHeader(clock, '-5', 500).remainingMs(), 500);
  assert.equal(Deadline.fromHeader(clock, '1e3', 500).remainingMs(), 500);
  assert.equal(Deadline.fromHeader(clock, '250', 500).remainingMs(), 250);
  assert.equal(Deadline.fromHeader(clock, '999999999', 500, 2_000).remainingMs(), 2_000);
});

test('a shorter wish shortens a deadline, a longer one does not lengthen it', () => {
  const deadline = Deadline.after(new SimulatedClock(), 1_000);
  assert.equal(deadline.atMost(200).remainingMs(), 200);
  assert.equal(deadline.atMost(5_000).remainingMs(), 1_000);
});

test('sleep ends at once when its signal aborts, with the reason', async () => {
  const abort = new AbortController();
  const sleeping = systemClock.sleep(60_000, abort.signal);
  abort.abort(new Error('enough'));
  await assert.rejects(sleeping, /enough/);
  await assert.rejects(systemClock.sleep(60_000, abort.signal), /enough/);
});

test('a repeater never runs twice at once, remembers a trigger meanwhile, and survives a failing run', async () => {
  const clock = new SimulatedClock();
  const gates: (() => void)[] = [];
  const errors: unknown[] = [];
  let active = 0;
  const repeater = new Repeater({
    clock,
    intervalMs: 1_000,
    onError: (error) => errors.push(error),
    run: async () => {
      active += 1;
      assert.equal(active, 1);
      await new Promise<void>((resolve) => gates.push(resolve));
      active -= 1;
      if (gates.length === 1) throw new Error('first run fails');
    },
  });
  repeater.start();
  repeater.trigger();
  repeater.trigger();
  assert.equal(gates.length, 1);
  gates[0]?.();
  await clock.advance(0);
  assert.equal(errors.length, 1);
  assert.equal(gates.length, 2, 'the trigger during the first run gave one more run, not two');
  gates[1]?.();
  await clock.advance(999);
  assert.equal(gates.length, 2);
  await clock.advance(1);
  assert.equal(gates.length, 3);
  const stopping = repeater.stop();
  gates[2]?.();
  await stopping;
  await clock.advance(10_000);
  assert.equal(gates.length, 3);
});
