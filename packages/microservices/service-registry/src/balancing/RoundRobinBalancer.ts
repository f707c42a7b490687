import type { Balancer } from './Balancer.ts';
import type { UpstreamView } from './Upstream.ts';

/** One after the other. Blind to speed: equal hosts only. */
export class RoundRobinBalancer implements Balancer {
  readonly name = 'round-robin';
  #next = 0;

  pick(candidates: readonly UpstreamView[]): UpstreamView {
    const index = this.#next % candidates.length;
    this.#next = index + 1;
    return candidates[index]!;
  }
}
