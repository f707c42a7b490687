import { randomBelow, type Random } from '@noa/core';
import type { Balancer } from './Balancer.ts';
import type { UpstreamView } from './Upstream.ts';

/** Any of them, with equal chance. */
export class RandomBalancer implements Balancer {
  readonly name = 'random';
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  pick(candidates: readonly UpstreamView[]): UpstreamView {
    return candidates[randomBelow(this.#random, candidates.length)]!;
  }
}
