import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GCRA, gcraLimit } from './GCRA.ts';
import { clientKey } from './rateLimit.ts';

test('admits the burst at once, then one per interval, and says when', () => {
  const limiter = new GCRA({ keysMax: 10 });
  const limit = gcraLimit(10, 3);
  for (const remaining of [2, 1, 0]) assert.deepEqual(limiter.take('a', limit, 0).remaining, remaining);
  assert.deepEqual(limiter.take('a', limit, 0), { isAdmitted: false, remaining: 0, resetNs: 300_000_000, retryNs: 100_000_000 });
  assert.equal(limiter.take('a', limit, 99_999_999).isAdmitted, false);
  assert.equal(limiter.take('a', limit, 100_000_000).isAdmitted, true);
  assert.equal(limiter.take('b', limit, 100_000_000).remaining, 2, 'keys do not share');
});

/** The other definition of the same limit (I.371 annex A): a bucket that leaks one unit per unit of time, in exact integers. */
function leakyBucket(intervalNs: bigint, burst: bigint): (nowNs: bigint) => { isAdmitted: boolean; retryNs: bigint } {
  let level = 0n;
  let last: bigint | undefined;
  return (nowNs) => {
    const drained = last === undefined ? 0n : level - (nowNs - last);
    const current = drained < 0n ? 0n : drained;
    const tolerance = (burst - 1n) * intervalNs;
    if (current > tolerance) return { isAdmitted: false, retryNs: current - tolerance };
    level = current + intervalNs;
    last = nowNs;
    return { isAdmitted: true, retryNs: 0n };
  };
}

test('decides exactly as the leaky bucket does, for any limit, burst and arrivals', () => {
  const arrivals = fc.array(fc.oneof(fc.nat(1_000), fc.nat(2_000_000_000)), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(
      fc.double({ min: 0.01, max: 1_000_000, noNaN: true }),
      fc.integer({ min: 1, max: 1_000 }),
      arrivals,
      fc.nat(2 ** 50),
      (rate, burst, gaps, start) => {
        const limiter = new GCRA({ keysMax: 2 });
        const limit = gcraLimit(rate, burst);
        const bucket = leakyBucket(BigInt(limit.intervalNs), BigInt(burst));
        let nowNs = start;
        for (const gap of gaps) {
          nowNs += gap;
          const verdict = limiter.take('key', limit, nowNs);
          const expected = bucket(BigInt(nowNs));
          assert.equal(verdict.isAdmitted, expected.isAdmitted);
          assert.equal(BigInt(verdict.retryNs), expected.retryNs);
          assert.ok(verdict.remaining >= 0 && verdict.remaining < burst);
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('what it calls remaining is what it then admits at once', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), fc.array(fc.nat(300_000_000), { maxLength: 20 }), (burst, gaps) => {
      const limiter = new GCRA({ keysMax: 2 });
      const limit = gcraLimit(10, burst);
      let nowNs = 0;
      let remaining = burst;
      for (const gap of [0, ...gaps]) {
        nowNs += gap;
        remaining = limiter.take('key', limit, nowNs).remaining;
      }
      for (let i = 0; i < remaining; i += 1) assert.equal(limiter.take('key', limit, nowNs).isAdmitted, true);
      assert.equal(limiter.take('key', limit, nowNs).isAdmitted, false);
    }),
  );
});

test('holds no more keys than it may, forgets idle ones first, and counts those it forgot in debt', () => {
  const limiter = new GCRA({ keysMax: 100 });
  const limit = gcraLimit(1, 1);
  for (let i = 0; i < 100; i += 1) limiter.take(`old-${i}`, limit, 0);
  for (let i = 0; i < 100; i += 1) limiter.take(`new-${i}`, limit, 1_000_000_000);
  assert.equal(limiter.size, 100);
  assert.equal(limiter.forgotten, 0, 'the idle went');
  assert.equal(limiter.take('new-0', limit, 1_000_000_001).isAdmitted, false, 'the others are remembered');
  for (let i = 0; i < 50; i += 1) limiter.take(`flood-${i}`, limit, 1_000_000_002);
  assert.equal(limiter.size, 100);
  assert.equal(limiter.forgotten, 50);
});

test('an IPv6 client is its /64, however it is written', () => {
  assert.equal(clientKey('10.0.0.1'), '10.0.0.1');
  assert.equal(clientKey('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64');
  assert.equal(clientKey('2001:0db8:0001:0002::9'), '2001:db8:1:2::/64');
  assert.equal(clientKey('::1'), '0:0:0:0::/64');
});
