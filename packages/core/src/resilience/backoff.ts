import type { Random } from '../time/Random.ts';

/** Exponential backoff with a cap. */
export interface BackoffPolicy {
  /** Upper bound of the first pause, > 0. */
  readonly baseMs: number;
  /** No pause is longer, >= baseMs. */
  readonly capMs: number;
}

/**
 * The pause before attempt `attempt` (1 = first retry), uniform in [0, min(cap, base * 2^(attempt-1))]: full jitter.
 * Source: Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015).
 */
export function fullJitterMs(policy: BackoffPolicy, attempt: number, random: Random): number {
  const exponent = Math.min(Math.max(attempt - 1, 0), 52);
  return random.next() * Math.min(policy.capMs, policy.baseMs * 2 ** exponent);
}
