import type { Balancer } from './Balancer.ts';
import type { UpstreamView } from './Upstream.ts';

/**
 * In proportion to the instances' weights, evenly interleaved: weights 5, 1, 1 give a a b a c a a, never a a a a a b c.
 * Source: nginx's smooth weighted round-robin.
 */
export class WeightedBalancer implements Balancer {
  readonly name = 'weighted';
  readonly #credits = new Map<string, number>();

  pick(candidates: readonly UpstreamView[]): UpstreamView {
    let best: UpstreamView = candidates[0]!;
    let bestCredit = -Infinity;
    let total = 0;
    for (const candidate of candidates) {
      const weight = candidate.instance.weight * candidate.warmth();
      total += weight;
      const credit = (this.#credits.get(candidate.instance.id) ?? 0) + weight;
      this.#credits.set(candidate.instance.id, credit);
      if (credit > bestCredit) {
        best = candidate;
        bestCredit = credit;
      }
    }
    this.#credits.set(best.instance.id, bestCredit - total);
    // Instances that left must not be remembered for ever.
    if (this.#credits.size > candidates.length * 2) this.#forgetOthers(candidates);
    return best;
  }

  #forgetOthers(candidates: readonly UpstreamView[]): void {
    const known = new Set(candidates.map((candidate) => candidate.instance.id));
    for (const id of this.#credits.keys()) if (!known.has(id)) this.#credits.delete(id);
  }
}
