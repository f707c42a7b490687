import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isNoaError } from '@noa/core';
import { parseShardMap, type ShardMap } from './ShardMap.ts';

const valid = (): ShardMap => ({
  version: 1,
  epoch: 3,
  cluster: '0190f5fe-7c00-7a00-8000-000000000000',
  keyspaces: [{ name: 'users', hash: 'pg32', buckets: 4096, keyType: 'uuid' }],
  assignment: [
    ['shard-0', 2048],
    ['shard-1', 2048],
  ],
  shards: [
    { id: 'shard-0', engine: 'postgres', state: 'active' },
    { id: 'shard-1', engine: 'postgres', state: 'joining' },
  ],
});

function refuses(change: object, problem: RegExp): void {
  assert.throws(
    () => parseShardMap({ ...valid(), ...change }),
    (error) => {
      assert.ok(isNoaError(error, 'SHARD_MAP_INVALID'));
      assert.match((error.details['problems'] as string[]).join('\n'), problem);
      return true;
    },
  );
}

test('a valid map passes, also after a trip through JSON', () => {
  assert.deepEqual(parseShardMap(JSON.parse(JSON.stringify(valid()))), valid());
});

test('a bucket that is not owned, or owned twice, is refused', () => {
  refuses({ assignment: [['shard-0', 4095]] }, /\/assignment: expected 4096 buckets.*got 4095/);
  refuses(
    {
      assignment: [
        ['shard-0', 4096],
        ['shard-1', 1],
      ],
    },
    /got 4097/,
  );
  refuses({ assignment: [] }, /\/assignment/);
  refuses({ assignment: [['shard-0', 0]] }, /\/assignment\/0\/1/);
});

test('an owner that is no shard of the map is refused', () => {
  refuses({ assignment: [['shard-9', 4096]] }, /\/assignment\/0: expected a shard of the map, got "shard-9"/);
});

test('two neighbouring runs of one shard are refused, so that equal maps are equal texts', () => {
  refuses(
    {
      assignment: [
        ['shard-0', 2048],
        ['shard-0', 2048],
      ],
    },
    /\/assignment\/1: expected another shard/,
  );
});

test('doubled names are refused', () => {
  refuses({ shards: [valid().shards[0], valid().shards[0], valid().shards[1]] }, /\/shards: expected distinct ids/);
  refuses({ keyspaces: [valid().keyspaces[0], valid().keyspaces[0]] }, /\/keyspaces: expected distinct names/);
});

test('a field or version of a later release is refused rather than half understood', () => {
  refuses({ version: 2 }, /\/version/);
  refuses({ moves: [] }, /additional/i);
  refuses({ keyspaces: [{ ...valid().keyspaces[0], hash: 'pgpartition64' }] }, /\/keyspaces\/0\/hash/);
  refuses({ shards: [{ ...valid().shards[0], engine: 'citus' }, valid().shards[1]] }, /\/shards\/0\/engine/);
});
