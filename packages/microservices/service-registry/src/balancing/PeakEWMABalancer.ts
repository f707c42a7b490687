import { randomBelow, type Random } from '@noa/core';
import type { Balancer } from './Balancer.ts';
import type { UpstreamView } from './Upstream.ts';

/** Cost of an instance that has no sample yet: not free, or everyone would rush to a newcomer. */
const UNKNOWN_LATENCY_MS = 1;

/**
 * Power of two choices by peak EWMA: of two random candidates the cheaper one, cost = latency * (in flight + 1) / warmth.
 * O(1), no shared state. Source: Mitzenmacher, "The Power of Two Choices" (2001); Finagle, Linkerd.
 */
export class PeakEWMABalancer implements Balancer {
  readonly name = 'p2c-ewma';
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  pick(candidates: readonly UpstreamView[]): UpstreamView {
    const first = randomBelow(this.#random, candidates.length);
    const a = candidates[first]!;
    if (candidates.length === 1) return a;
    // A second draw among the others: the two are always different.
    const second = randomBelow(this.#random, candidates.length - 1);
    const b = candidates[second >= first ? second + 1 : second]!;
    return cost(b) < cost(a) ? b : a;
  }
}

function cost(upstream: UpstreamView): number {
  return (Math.max(upstream.latencyMs(), UNKNOWN_LATENCY_MS) * (upstream.inFlight + 1)) / upstream.warmth();
}
