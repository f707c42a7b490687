import { NoaError } from '@noa/core';
import { BUCKET_COUNT } from '../hash/bucketOf.ts';
import type { KeyType } from '../hash/KeyType.ts';
import type { Keyspace, ShardMap } from '../ShardMap.ts';
import { splitEvenly } from './Assignment.ts';
import type { ShardMapStore } from './ShardMapStore.ts';

export interface SettleOptions {
  readonly store: ShardMapStore;
  readonly shardIds: readonly string[];
  readonly keyspace: string;
  readonly keyType: KeyType;
}

/** Attempts of a compare-and-swap. Each lost one means that another manager got through, so this many managers may start at once. */
const TRIES_MAX = 100;

/**
 * The map that this manager shall route by: the stored one, made on the first start, with the keyspace added when it is new.
 * @throws NoaError `SHARD_SET_CHANGED`, `SHARD_KEYSPACE_MISMATCH`, `SHARD_MAP_CONTENDED`.
 */
export async function settleMap(options: SettleOptions): Promise<ShardMap> {
  const { store, shardIds, keyspace, keyType } = options;
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const found = await store.load();
    if (found === undefined) {
      await store.create(firstMap(await store.newCluster(), options));
      continue;
    }
    checkShardSet(found, shardIds);
    const known = found.keyspaces.find((candidate) => candidate.name === keyspace);
    if (known === undefined) {
      await store.replace({ ...found, epoch: found.epoch + 1, keyspaces: [...found.keyspaces, keyspaceOf(options)] });
      continue;
    }
    if (known.keyType !== keyType) {
      throw new NoaError('SHARD_KEYSPACE_MISMATCH', {
        message: `Keyspace ${keyspace} has keys of type ${known.keyType}, not ${keyType}`,
        details: { keyspace, stored: known.keyType, asked: keyType },
      });
    }
    return found;
  }
  throw contended();
}

/** Marks the shards `active`, once all of them carry their identity. @returns the newest map. @throws NoaError `SHARD_MAP_CONTENDED`. */
export async function activateShards(store: ShardMapStore, map: ShardMap): Promise<ShardMap> {
  let current = map;
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    if (current.shards.every((shard) => shard.state === 'active')) return current;
    const next: ShardMap = {
      ...current,
      epoch: current.epoch + 1,
      shards: current.shards.map((shard) => ({ ...shard, state: 'active' as const })),
    };
    if (await store.replace(next)) return next;
    current = (await store.load()) ?? current;
    checkShardSet(
      current,
      map.shards.map((shard) => shard.id),
    );
  }
  throw contended();
}

function firstMap(cluster: string, options: SettleOptions): ShardMap {
  return {
    version: 1,
    epoch: 1,
    cluster,
    keyspaces: [keyspaceOf(options)],
    assignment: splitEvenly(options.shardIds).map(([shardId, buckets]) => [shardId, buckets]),
    shards: options.shardIds.map((id) => ({ id, engine: 'postgres', state: 'joining' })),
  };
}

function keyspaceOf(options: SettleOptions): Keyspace {
  return { name: options.keyspace, hash: 'pg32', buckets: BUCKET_COUNT, keyType: options.keyType };
}

function checkShardSet(map: ShardMap, given: readonly string[]): void {
  const known = map.shards.map((shard) => shard.id);
  const missing = known.filter((id) => !given.includes(id));
  const added = given.filter((id) => !known.includes(id));
  if (missing.length === 0 && added.length === 0) return;
  const parts = [...(missing.length > 0 ? [`missing: ${missing.join(', ')}`] : []), ...(added.length > 0 ? [`unknown: ${added.join(', ')}`] : [])];
  throw new NoaError('SHARD_SET_CHANGED', {
    message: `The shard map (epoch ${map.epoch}) has the shards ${known.join(', ')}; ${parts.join('; ')}. Moving buckets is not part of a start: give the same shards`,
    details: { known, given, epoch: map.epoch },
  });
}

function contended(): NoaError {
  return new NoaError('SHARD_MAP_CONTENDED', { message: 'The shard map is being changed by others; try again', retryable: true, httpStatus: 503 });
}
