import { randomBelow, type Random } from '@noa/core';
import type { Balancer } from './Balancer.ts';
import type { UpstreamView } from './Upstream.ts';

/** The one with the fewest requests in progress; a random one among equals, or all clients would choose the first. */
export class LeastConnectionsBalancer implements Balancer {
  readonly name = 'least-connections';
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  pick(candidates: readonly UpstreamView[]): UpstreamView {
    let best: UpstreamView = candidates[0]!;
    let equals = 0;
    for (const candidate of candidates) {
      const load = candidate.inFlight / candidate.warmth();
      const bestLoad = best.inFlight / best.warmth();
      if (load < bestLoad) {
        best = candidate;
        equals = 1;
      } else if (load === bestLoad) {
        equals += 1;
        // Reservoir sampling: each of the equals is kept with the same chance.
        if (randomBelow(this.#random, equals) === 0) best = candidate;
      }
    }
    return best;
  }
}
