import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedClock } from '@noa/testing';
import { BreakerState, CircuitBreaker, type CircuitBreakerOptions } from './CircuitBreaker.ts';

const OPEN_MS = 30_000;

function setup(options: Partial<CircuitBreakerOptions> = {}) {
  const clock = new SimulatedClock();
  const breaker = new CircuitBreaker({ clock, ...options });
  const call = (ok: boolean): boolean => {
    if (!breaker.allow()) return false;
    breaker.record(ok);
    return true;
  };
  const fail = (times: number): void => Array.from({ length: times }).forEach(() => call(false));
  return { clock, breaker, call, fail };
}

test('closed: lets calls pass, and stays closed below five failures in a row', () => {
  const { breaker, call, fail } = setup();
  for (let round = 0; round < 4; round += 1) {
    fail(4);
    for (let index = 0; index < 8; index += 1) call(true);
  }
  assert.equal(breaker.state, BreakerState.Closed);
  assert.equal(breaker.retryAfterMs, 0);
});

test('closed → open: at the fifth failure in a row', () => {
  const { breaker, fail } = setup();
  fail(4);
  assert.equal(breaker.state, BreakerState.Closed);
  fail(1);
  assert.equal(breaker.state, BreakerState.Open);
  assert.equal(breaker.allow(), false);
});

test('closed → open: when half of at least twenty calls in a window failed', () => {
  const { breaker, call } = setup();
  for (let index = 0; index < 19; index += 1) call(index % 2 === 0);
  assert.equal(breaker.state, BreakerState.Closed);
  call(false);
  assert.equal(breaker.state, BreakerState.Open);
});

test('a share below the limit keeps it closed', () => {
  const { breaker, call } = setup();
  for (let index = 0; index < 500; index += 1) call(index % 5 > 1);
  assert.equal(breaker.state, BreakerState.Closed);
});

test('the share counts within a window only', async () => {
  const { clock, breaker, call } = setup();
  for (let index = 0; index < 19; index += 1) call(index % 2 === 0);
  await clock.advance(10_000);
  call(false);
  assert.equal(breaker.state, BreakerState.Closed);
});

test('open: refuses until the pause is over and says how long that is', async () => {
  const { clock, breaker, fail } = setup();
  fail(5);
  assert.equal(breaker.retryAfterMs, OPEN_MS);
  await clock.advance(OPEN_MS - 1);
  assert.equal(breaker.allow(), false);
  assert.equal(breaker.retryAfterMs, 1);
  assert.equal(breaker.state, BreakerState.Open);
});

test('open → half-open: after the pause, one probe at a time', async () => {
  const { clock, breaker, fail } = setup();
  fail(5);
  await clock.advance(OPEN_MS);
  assert.equal(breaker.state, BreakerState.HalfOpen);
  assert.equal(breaker.allow(), true);
  assert.equal(breaker.allow(), false);
  assert.equal(breaker.allow(), false);
  breaker.record(true);
  assert.equal(breaker.state, BreakerState.HalfOpen);
  assert.equal(breaker.allow(), true);
  assert.equal(breaker.allow(), false);
});

test('half-open → closed: after two probes that succeeded, with nothing held against it', async () => {
  const { clock, breaker, call, fail } = setup();
  fail(5);
  await clock.advance(OPEN_MS);
  call(true);
  assert.equal(breaker.state, BreakerState.HalfOpen);
  call(true);
  assert.equal(breaker.state, BreakerState.Closed);
  fail(4);
  assert.equal(breaker.state, BreakerState.Closed);
  fail(1);
  assert.equal(breaker.state, BreakerState.Open);
});

test('half-open → open: a failed probe starts the pause afresh, and successes before it do not count later', async () => {
  const { clock, breaker, call } = setup();
  for (let index = 0; index < 5; index += 1) call(false);
  await clock.advance(OPEN_MS);
  call(true);
  call(false);
  assert.equal(breaker.state, BreakerState.Open);
  assert.equal(breaker.retryAfterMs, OPEN_MS);
  await clock.advance(OPEN_MS);
  call(true);
  assert.equal(breaker.state, BreakerState.HalfOpen);
});

test('a probe that was given back lets the next one through', async () => {
  const { clock, breaker, fail } = setup();
  fail(5);
  await clock.advance(OPEN_MS);
  assert.equal(breaker.allow(), true);
  breaker.forget();
  assert.equal(breaker.state, BreakerState.HalfOpen);
  assert.equal(breaker.allow(), true);
});

test('late results while open are ignored', async () => {
  const { clock, breaker, fail } = setup();
  assert.equal(breaker.allow(), true);
  fail(5);
  await clock.advance(OPEN_MS - 10_000);
  breaker.record(false);
  breaker.record(true);
  assert.equal(breaker.state, BreakerState.Open);
  assert.equal(breaker.retryAfterMs, 10_000);
});

test('results of calls from before it opened are no probes, when the caller says when they began', async () => {
  const { clock, breaker, fail } = setup();
  const startedMs = clock.monotonicMs();
  fail(5);
  await clock.advance(OPEN_MS);
  assert.equal(breaker.allow(), true);
  breaker.record(false, startedMs);
  breaker.forget(startedMs);
  assert.equal(breaker.allow(), false, 'a second probe at one time');
  breaker.record(true, startedMs);
  breaker.record(true, startedMs);
  assert.equal(breaker.state, BreakerState.HalfOpen);
  breaker.record(true, clock.monotonicMs());
  assert.equal(breaker.allow(), true);
  breaker.record(true, clock.monotonicMs());
  assert.equal(breaker.state, BreakerState.Closed);
});

test('its limits are settings', async () => {
  const { clock, breaker, call, fail } = setup({ failuresMax: 2, openMs: 1_000, successesToClose: 1 });
  fail(2);
  assert.equal(breaker.state, BreakerState.Open);
  await clock.advance(1_000);
  call(true);
  assert.equal(breaker.state, BreakerState.Closed);
  const ratio = setup({ failureRatioMax: 0.2, windowCallsMin: 5, windowMs: 100 });
  for (const ok of [true, true, true, true, false]) ratio.call(ok);
  assert.equal(ratio.breaker.state, BreakerState.Open);
});
