import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SimulatedClock } from '@noa/testing';
import { RetryBudget } from './RetryBudget.ts';

function setup(options: { ratio?: number; floorPerSecond?: number } = {}) {
  const clock = new SimulatedClock();
  const budget = new RetryBudget({ clock, ...options });
  const drain = (): number => {
    let taken = 0;
    while (budget.withdraw()) taken += 1;
    return taken;
  };
  return { clock, budget, drain };
}

test('a quiet client may retry ten times a second, and does not save them up', async () => {
  const { clock, drain } = setup();
  assert.equal(drain(), 10);
  await clock.advance(500);
  assert.equal(drain(), 5);
  await clock.advance(60_000);
  assert.equal(drain(), 10);
});

test('beyond that a fifth of the requests may be retried', () => {
  const { budget, drain } = setup({ floorPerSecond: 0 });
  assert.equal(drain(), 0);
  for (let index = 0; index < 100; index += 1) budget.deposit();
  assert.ok([19, 20].includes(drain()));
});

test('requests are forgotten after some ten seconds', async () => {
  const { clock, budget, drain } = setup({ floorPerSecond: 0 });
  for (let index = 0; index < 1_000; index += 1) budget.deposit();
  await clock.advance(10_000);
  const left = drain();
  assert.ok(left >= 72 && left <= 74, `${left} of 200 after ten seconds`);
  for (let index = 0; index < 1_000; index += 1) budget.deposit();
  await clock.advance(100_000);
  assert.equal(drain(), 0);
});

test('retries never exceed a fifth of the requests plus the floor, however they come', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ requests: fc.nat(50), retriesWanted: fc.nat(60), pauseMs: fc.nat(3_000) }), { minLength: 1, maxLength: 40 }),
      async (steps) => {
        const { clock, budget } = setup();
        let requests = 0;
        let retries = 0;
        for (const { requests: count, retriesWanted, pauseMs } of steps) {
          for (let index = 0; index < count; index += 1) budget.deposit();
          requests += count;
          for (let index = 0; index < retriesWanted; index += 1) if (budget.withdraw()) retries += 1;
          const bound = 0.2 * requests + 10 + 10 * (clock.monotonicMs() / 1_000);
          assert.ok(retries <= bound + 1e-6, `${retries} retries of ${requests} requests`);
          await clock.advance(pauseMs);
        }
      },
    ),
    { numRuns: 30 },
  );
});
