import { isNoaError, type Clock, type Database } from '@noa/core';

export interface ShardHealth {
  readonly id: string;
  readonly isReachable: boolean;
  /** From question to answer or failure. */
  readonly latencyMs: number;
  /** Code of the failure, safe to show. */
  readonly error?: string;
}

/** A shard that is silent for this long counts as unreachable. */
const ANSWER_MS_MAX = 2_000;

/** Asks one shard for `SELECT 1`, its admission included; never throws. */
export async function checkShard(shard: { id: string; database: Database }, clock: Clock): Promise<ShardHealth> {
  const startedMs = clock.monotonicMs();
  const over = new AbortController();
  const asking = shard.database.query('SELECT 1').then(
    () => undefined,
    (error: unknown) => (isNoaError(error) ? error.code : 'INTERNAL'),
  );
  const waiting = clock.sleep(ANSWER_MS_MAX, over.signal).then(
    () => 'DEADLINE_EXCEEDED',
    () => undefined,
  );
  const error = await Promise.race([asking, waiting]);
  over.abort();
  return { id: shard.id, isReachable: error === undefined, latencyMs: clock.monotonicMs() - startedMs, ...(error === undefined ? {} : { error }) };
}
