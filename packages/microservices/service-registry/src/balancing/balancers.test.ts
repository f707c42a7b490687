import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom, SimulatedClock } from '@noa/testing';
import { makeUpstreams } from '../testkit/upstreams.ts';
import { BALANCERS, type BalancerName } from './Balancer.ts';
import { createBalancer } from './createBalancer.ts';
import { Upstream, type UpstreamView } from './Upstream.ts';
import { sampleInstance } from '../providers/RegistryProvider.conformance.ts';

const SEED = 20_261_124;
const PICKS = 12_000;

function setup(name: BalancerName, weights: readonly number[] = [100, 100, 100, 100]) {
  const clock = new SimulatedClock();
  const balancer = createBalancer(name, { random: new SeededRandom(SEED), clock });
  const upstreams = makeUpstreams(clock, weights);
  /** Share of `picks` that each upstream got, by id. */
  const shares = (candidates: readonly UpstreamView[] = upstreams, picks = PICKS): Record<string, number> => {
    const counts: Record<string, number> = Object.fromEntries(candidates.map(({ instance }) => [instance.id, 0]));
    for (let index = 0; index < picks; index += 1) counts[balancer.pick(candidates).instance.id]! += 1;
    return Object.fromEntries(Object.entries(counts).map(([id, count]) => [id, count / picks]));
  };
  return { clock, balancer, upstreams, shares };
}

function assertShares(actual: Record<string, number>, expected: Record<string, number>, tolerance: number): void {
  for (const [id, share] of Object.entries(expected)) {
    assert.ok(Math.abs((actual[id] ?? 0) - share) <= tolerance, `${id}: expected ${share} ± ${tolerance}, got ${actual[id]} (seed ${SEED})`);
  }
}

for (const name of BALANCERS) {
  test(`${name}: equal and idle instances get equal shares`, () => {
    const { balancer, shares } = setup(name);
    assert.equal(balancer.name, name);
    assertShares(shares(), { a: 0.25, b: 0.25, c: 0.25, d: 0.25 }, 0.015);
  });

  test(`${name}: a lone instance gets everything`, () => {
    const { upstreams, shares } = setup(name, [100]);
    assert.deepEqual(shares(upstreams, 10), { a: 1 });
  });

  test(`${name}: goes on evenly over those that are left when some leave`, () => {
    const { upstreams, shares } = setup(name);
    shares(upstreams, 101);
    assertShares(shares(upstreams.slice(1, 3)), { b: 0.5, c: 0.5 }, 0.015);
    assertShares(shares(), { a: 0.25, b: 0.25, c: 0.25, d: 0.25 }, 0.015);
  });
}

test('round-robin: strictly one after the other', () => {
  const { balancer, upstreams } = setup('round-robin', [1, 1, 1]);
  const order = Array.from({ length: 7 }, () => balancer.pick(upstreams).instance.id).join('');
  assert.equal(order, 'abcabca');
});

test('weighted: 5, 1, 1 are interleaved smoothly and the shares are exact', () => {
  const { balancer, upstreams, shares } = setup('weighted', [5, 1, 1]);
  const order = Array.from({ length: 14 }, () => balancer.pick(upstreams).instance.id).join('');
  assert.equal(order, 'aabacaaaabacaa');
  assertShares(shares(upstreams, 7_000), { a: 5 / 7, b: 1 / 7, c: 1 / 7 }, 0);
});

test('weighted: a newcomer with its weight is taken in at once, one that left is forgotten', () => {
  const { clock, upstreams, shares } = setup('weighted', [100, 100, 100, 100]);
  shares(upstreams, 1_000);
  const newcomer = new Upstream(sampleInstance('z', { weight: 300 }), clock, true);
  assertShares(shares([upstreams[0]!, newcomer]), { a: 0.25, z: 0.75 }, 0.001);
});

test('least-connections: only the least loaded; equals share by chance', () => {
  const { upstreams, shares } = setup('least-connections');
  upstreams[0]!.inFlight = 3;
  upstreams[1]!.inFlight = 1;
  upstreams[2]!.inFlight = 1;
  upstreams[3]!.inFlight = 2;
  assertShares(shares(), { a: 0, b: 0.5, c: 0.5, d: 0 }, 0.015);
});

test('p2c-ewma: the slower of two gets nothing, the slowest of many only nothing, the rest by luck of the draw', () => {
  const { upstreams, shares } = setup('p2c-ewma');
  for (const [index, latencyMs] of [10, 20, 40, 80].entries()) upstreams[index]!.record(true, latencyMs);
  // Of the 6 pairs the fastest wins 3, the next 2, the next 1.
  assertShares(shares(), { a: 3 / 6, b: 2 / 6, c: 1 / 6, d: 0 }, 0.015);
});

test('p2c-ewma: requests in flight count as much as latency', () => {
  const { upstreams, shares } = setup('p2c-ewma', [100, 100]);
  upstreams[0]!.record(true, 10);
  upstreams[1]!.record(true, 25);
  upstreams[0]!.inFlight = 1;
  assertShares(shares(), { a: 1, b: 0 }, 0);
  upstreams[0]!.inFlight = 2;
  assertShares(shares(), { a: 0, b: 1 }, 0);
});

test('random: does not look at load', () => {
  const { upstreams, shares } = setup('random', [100, 100]);
  upstreams[0]!.inFlight = 1_000;
  assertShares(shares(), { a: 0.5, b: 0.5 }, 0.015);
});

test('slow start: by weight a newcomer takes a tenth, then more with each second, then its full share', async () => {
  const { clock, upstreams, shares } = setup('weighted', [100]);
  const newcomer = new Upstream(sampleInstance('z'), clock, false);
  const both = [upstreams[0]!, newcomer];
  assertShares(shares(both), { z: 0.1 / 1.1 }, 0.002);
  await clock.advance(5_000);
  assertShares(shares(both), { z: 0.5 / 1.5 }, 0.002);
  await clock.advance(5_000);
  assertShares(shares(both), { z: 0.5 }, 0.002);
});

for (const name of ['p2c-ewma', 'least-connections'] as const) {
  test(`slow start: ${name} holds a newcomer back under load, and takes it fully after ten seconds`, async () => {
    const { clock, balancer, upstreams } = setup(name, [100]);
    const newcomer = new Upstream(sampleInstance('z'), clock, false);
    const both = [upstreams[0]!, newcomer];
    for (const upstream of both) upstream.record(true, 10);
    // 22 requests that do not end: the shares of what is in flight follow the warmth.
    const load = (): number => {
      for (const upstream of both) upstream.inFlight = 0;
      for (let index = 0; index < 22; index += 1) (balancer.pick(both) as Upstream).inFlight += 1;
      return newcomer.inFlight;
    };
    const cold = load();
    assert.ok(cold >= 1 && cold <= 3, `${cold} of 22 while cold (seed ${SEED})`);
    await clock.advance(10_000);
    assert.equal(load(), 11);
  });
}

test('an instance known from the beginning has no slow start', () => {
  const clock = new SimulatedClock();
  assert.equal(makeUpstreams(clock, [100])[0]!.warmth(), 1);
});

test('peak EWMA: jumps to a slower sample at once, sinks to a faster one over ten seconds', async () => {
  const clock = new SimulatedClock();
  const [upstream] = makeUpstreams(clock, [100]) as [Upstream];
  upstream.record(true, 10);
  upstream.record(true, 500);
  assert.equal(upstream.latencyMs(), 500);
  upstream.record(true, 10);
  assert.ok(upstream.latencyMs() > 499);
  await clock.advance(10_000);
  upstream.record(true, 10);
  assert.ok(Math.abs(upstream.latencyMs() - (500 / Math.E + 10 * (1 - 1 / Math.E))) < 0.01, `${upstream.latencyMs()}`);
  await clock.advance(100_000);
  assert.ok(upstream.latencyMs() < 1);
});

test('a failure counts as a second, or as what it took when that was longer', () => {
  const clock = new SimulatedClock();
  const [a, b] = makeUpstreams(clock, [100, 100]) as [Upstream, Upstream];
  a.record(false, 2);
  b.record(false, 5_000);
  assert.equal(a.latencyMs(), 1_000);
  assert.equal(b.latencyMs(), 5_000);
});
