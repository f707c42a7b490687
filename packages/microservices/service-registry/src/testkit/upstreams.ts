import { Upstream } from '../balancing/Upstream.ts';
import { sampleInstance } from '../providers/RegistryProvider.conformance.ts';
import type { Clock } from '@noa/core';

/** Warm upstreams `a`, `b`, … with the given weights. */
export function makeUpstreams(clock: Clock, weights: readonly number[], isWarm = true): Upstream[] {
  return weights.map(
    (weight, index) => new Upstream(sampleInstance(String.fromCharCode(97 + index), { weight, port: 4_000 + index }), clock, isWarm),
  );
}
