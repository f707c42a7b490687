import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulateFleet, type FleetScenario } from '../testkit/simulateFleet.ts';
import type { BalancerName } from './Balancer.ts';

const SEEDS = [1, 2, 3];
const SERVERS = 20;

/** `slow` of the servers are `factor` times slower. */
function fleet(slow: number, factor: number): number[] {
  return Array.from({ length: SERVERS }, (_, index) => (index < slow ? factor : 1));
}

function percentiles(scenario: Omit<FleetScenario, 'balancer'>, names: readonly BalancerName[]): { p99: Record<string, number>; report: string } {
  const p99 = Object.fromEntries(names.map((balancer) => [balancer, simulateFleet({ ...scenario, balancer })]));
  const report = `seed ${scenario.seed}, P99 in ms: ${Object.entries(p99)
    .map(([name, ms]) => `${name} ${ms.toFixed(1)}`)
    .join(', ')}`;
  return { p99, report };
}

const COMPARED = ['p2c-ewma', 'least-connections', 'round-robin'] as const;

for (const seed of SEEDS) {
  test(`A: with equal hosts p2c-ewma is at most a tenth behind least-connections (seed ${seed})`, () => {
    const { p99, report } = percentiles({ seed, load: 0.7, slowness: fleet(0, 1) }, COMPARED);
    assert.ok(p99['p2c-ewma']! <= p99['least-connections']! * 1.1, report);
    assert.ok(p99['p2c-ewma']! <= p99['round-robin']! * 1.1, report);
  });

  test(`B: two of twenty five times slower: p2c-ewma is ahead of both, of round-robin a hundredfold (seed ${seed})`, () => {
    const { p99, report } = percentiles({ seed, load: 0.6, slowness: fleet(2, 5) }, COMPARED);
    assert.ok(p99['p2c-ewma']! < p99['least-connections']! * 0.8, report);
    assert.ok(p99['p2c-ewma']! < p99['round-robin']! / 100, report);
  });

  test(`C: half of the hosts twice slower: p2c-ewma is ahead of both, of round-robin tenfold (seed ${seed})`, () => {
    const { p99, report } = percentiles({ seed, load: 0.55, slowness: fleet(10, 2) }, COMPARED);
    assert.ok(p99['p2c-ewma']! < p99['least-connections']!, report);
    assert.ok(p99['p2c-ewma']! < p99['round-robin']! / 10, report);
  });
}

test('B with a hundred small clients: in-flight counts alone decay towards chance, latency does not', () => {
  const { p99, report } = percentiles({ seed: 1, load: 0.6, slowness: fleet(2, 5), clients: 100 }, ['p2c-ewma', 'least-connections']);
  assert.ok(p99['p2c-ewma']! < p99['least-connections']! / 3, report);
});
