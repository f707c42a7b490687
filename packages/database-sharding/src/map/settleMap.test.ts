import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isNoaError } from '@noa/core';
import type { ShardMap } from '../ShardMap.ts';
import { activateShards, settleMap } from './settleMap.ts';
import type { ShardMapStore } from './ShardMapStore.ts';

const CLUSTER = '0190f5fe-7c00-7a00-8000-000000000000';
const wanted = { shardIds: ['shard-0', 'shard-1'], keyspace: 'users', keyType: 'uuid' } as const;

/** The store's promises without a database; `lose` says how many compare-and-swaps others win first. */
class MemoryStore implements Pick<ShardMapStore, 'load' | 'create' | 'replace' | 'newCluster'> {
  map: ShardMap | undefined;
  lose: number;

  constructor(lose = 0) {
    this.lose = lose;
  }

  load = async (): Promise<ShardMap | undefined> => this.map;
  newCluster = async (): Promise<string> => CLUSTER;
  create = async (map: ShardMap): Promise<boolean> => {
    this.map ??= map;
    return this.map === map;
  };
  replace = async (next: ShardMap): Promise<boolean> => {
    assert.ok(this.map !== undefined);
    if (this.lose > 0) {
      this.lose -= 1;
      this.map = { ...this.map, epoch: this.map.epoch + 1 };
    }
    if (this.map.epoch !== next.epoch - 1) return false;
    this.map = next;
    return true;
  };
}

const asStore = (store: MemoryStore): ShardMapStore => store as unknown as ShardMapStore;

test('a lost compare-and-swap is tried again on what the winner wrote', async () => {
  const store = new MemoryStore();
  await settleMap({ ...wanted, store: asStore(store) });
  store.lose = 3;
  const map = await settleMap({ ...wanted, keyspace: 'orders', store: asStore(store) });
  assert.equal(map.epoch, 5);
  assert.deepEqual(
    map.keyspaces.map((keyspace) => keyspace.name),
    ['users', 'orders'],
  );
  store.lose = 2;
  const active = await activateShards(asStore(store), map);
  assert.equal(active.epoch, 8);
  assert.deepEqual(active.keyspaces, map.keyspaces);
});

test('a map that others change at every attempt ends in SHARD_MAP_CONTENDED (503, retryable)', async () => {
  const isContended = (error: unknown): boolean => isNoaError(error, 'SHARD_MAP_CONTENDED') && error.retryable && error.httpStatus === 503;
  const store = new MemoryStore();
  const map = await settleMap({ ...wanted, store: asStore(store) });
  store.lose = Number.POSITIVE_INFINITY;
  await assert.rejects(settleMap({ ...wanted, keyspace: 'orders', store: asStore(store) }), isContended);
  await assert.rejects(activateShards(asStore(store), map), isContended);
});
