import { describeError, isNoaError, migrate, NoaError, Semaphore, type Logger, type Migration } from '@noa/core';
import type { ShardDatabase } from './ShardDatabase.ts';

/** What to do about a shard that cannot be reached: fail the call, or migrate it before its next use. */
export type UnreachableShards = 'fail' | 'postpone';

export interface MigrateShardsOptions {
  readonly shards: readonly { readonly id: string; readonly database: ShardDatabase }[];
  readonly schema: string;
  readonly migrations: readonly Migration[];
  readonly unreachable: UnreachableShards;
  readonly logger: Logger;
}

/** Shards migrated at once. */
const CONCURRENCY = 8;

/**
 * Runs the migrations on every shard, each in a transaction of its own, and reports all failures together.
 * @returns the versions applied by this call, per shard; a postponed shard is left out.
 * @throws NoaError `SHARD_MIGRATION_FAILED`, retryable when nothing but reachability was wrong.
 */
export async function migrateShards(options: MigrateShardsOptions): Promise<Record<string, number[]>> {
  const { shards, schema, migrations, logger } = options;
  const semaphore = new Semaphore({ slots: CONCURRENCY, waitersMax: shards.length });
  const applied: Record<string, number[]> = {};
  const failures: { id: string; error: unknown }[] = [];
  const runOne = async ({ id, database }: MigrateShardsOptions['shards'][number]): Promise<void> => {
    try {
      applied[id] = await migrate(database, schema, migrations);
      if (applied[id].length > 0) logger.info({ shardId: id, schema, versions: applied[id] }, 'a shard was migrated');
    } catch (error) {
      if (options.unreachable === 'postpone' && isNoaError(error, 'SHARD_UNAVAILABLE')) {
        logger.warn({ shardId: id, schema }, 'a shard is not reachable; it will be migrated before its next use');
        database.require(async (inner) => void (await migrate(inner, schema, migrations)));
      } else failures.push({ id, error });
    }
  };
  await Promise.all(shards.map((shard) => semaphore.run(() => runOne(shard))));
  if (failures.length === 0) return applied;
  const ids = failures.map((failure) => failure.id).sort();
  const isRetryable = failures.every(({ error }) => isNoaError(error, 'SHARD_UNAVAILABLE'));
  throw new NoaError('SHARD_MIGRATION_FAILED', {
    message: `Schema ${schema} could not be migrated on ${ids.join(', ')}; the other shards are done`,
    details: { failures: Object.fromEntries(failures.map(({ id, error }) => [id, describeError(error)])), applied },
    retryable: isRetryable,
    httpStatus: isRetryable ? 503 : 500,
    cause: failures[0]!.error,
  });
}
