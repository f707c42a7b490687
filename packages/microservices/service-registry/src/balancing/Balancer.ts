import type { Clock, Random } from '@noa/core';
import type { UpstreamView } from './Upstream.ts';

/** Chooses one of the candidates. */
export interface Balancer {
  readonly name: BalancerName;
  /** @param candidates - at least one; the order is stable between calls while the list does not change. */
  pick(candidates: readonly UpstreamView[]): UpstreamView;
}

export const BALANCERS = ['p2c-ewma', 'round-robin', 'random', 'least-connections', 'weighted'] as const;
export type BalancerName = (typeof BALANCERS)[number];

export interface BalancerOptions {
  readonly random: Random;
  readonly clock: Clock;
}
