import type { Balancer, BalancerName, BalancerOptions } from './Balancer.ts';
import { LeastConnectionsBalancer } from './LeastConnectionsBalancer.ts';
import { PeakEWMABalancer } from './PeakEWMABalancer.ts';
import { RandomBalancer } from './RandomBalancer.ts';
import { RoundRobinBalancer } from './RoundRobinBalancer.ts';
import { WeightedBalancer } from './WeightedBalancer.ts';

/** A balancer by its name. */
export function createBalancer(name: BalancerName, options: BalancerOptions): Balancer {
  const makers: Record<BalancerName, () => Balancer> = {
    'p2c-ewma': () => new PeakEWMABalancer(options.random),
    'round-robin': () => new RoundRobinBalancer(),
    random: () => new RandomBalancer(options.random),
    'least-connections': () => new LeastConnectionsBalancer(options.random),
    weighted: () => new WeightedBalancer(),
  };
  return makers[name]();
}
