import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { isNoaError, type Database } from '@noa/core';
import { splitEvenly } from './map/Assignment.ts';
import { ShardRouter } from './ShardRouter.ts';
import { HashStrategy } from './strategies/HashStrategy.ts';

const ids = (count: number): string[] => Array.from({ length: count }, (_, index) => `shard-${index}`);

/** A router whose databases are told apart by nothing but their place in the map; `known` of them are configured. */
function setup(shards: number, known = shards): ShardRouter {
  const router = new ShardRouter(new Map(ids(known).map((id) => [id, { id } as unknown as Database])));
  router.adopt(tableOf(1, ids(shards)));
  return router;
}

function tableOf(epoch: number, shardIds: string[]): { epoch: number; shardIds: string[]; strategy: HashStrategy } {
  return { epoch, shardIds, strategy: new HashStrategy({ keyType: 'uuid', assignment: splitEvenly(shardIds) }) };
}

test('100,000 random keys spread over 8 shards with a maximum within 4.5 % of the mean', () => {
  const KEYS = 100_000;
  const router = setup(8);
  const counts = new Map<string, number>();
  for (let index = 0; index < KEYS; index += 1) {
    const { shardId } = router.locate(randomUUID());
    counts.set(shardId, (counts.get(shardId) ?? 0) + 1);
  }
  assert.equal(counts.size, 8);
  // The standard deviation of one shard's count is 105, so 4.5 % of 12,500 are 5.4 of them: one run in ten million fails.
  for (const [id, count] of counts) assert.ok(Math.abs(count / (KEYS / 8) - 1) < 0.045, `${id}: ${count}`);
});

test('a table of an older or equal epoch is never taken again', () => {
  const router = setup(2);
  assert.equal(router.adopt(tableOf(5, ids(2))), true);
  assert.equal(router.adopt(tableOf(5, ids(1))), false);
  assert.equal(router.adopt(tableOf(4, ids(1))), false);
  assert.equal(router.epoch, 5);
  assert.equal(router.locate(randomUUID()).epoch, 5);
});

test('a malformed key is refused by every door', async () => {
  const router = setup(2);
  const isInvalid = (error: unknown): boolean => isNoaError(error, 'SHARD_KEY_INVALID') && error.httpStatus === 400;
  assert.throws(() => router.locate('nobody'), isInvalid);
  assert.throws(() => router.database('nobody'), isInvalid);
  await assert.rejects(router.query('nobody', 'SELECT 1'), isInvalid);
  await assert.rejects(
    router.transaction('nobody', async () => 1),
    isInvalid,
  );
});

test('a shard of the map that this process was not given is SHARD_NOT_CONFIGURED (503), for its keys and for every scatter', async () => {
  const router = setup(2, 1);
  const isMissing = (error: unknown): boolean =>
    isNoaError(error, 'SHARD_NOT_CONFIGURED') && error.httpStatus === 503 && /shard-1/.test(error.message);
  let refused = 0;
  for (let index = 0; index < 200; index += 1) {
    const key = randomUUID();
    if (router.locate(key).shardId === 'shard-0') assert.ok(router.database(key));
    else {
      assert.throws(() => router.database(key), isMissing);
      refused += 1;
    }
  }
  assert.ok(refused > 0);
  await assert.rejects(
    router.onEveryShard(async () => 1),
    isMissing,
  );
});

test('a scatter asks each shard once, in bounded concurrency, and answers in the order of the map', async () => {
  const router = setup(20);
  let running = 0;
  let peak = 0;
  const asked: string[] = [];
  const body = async (database: Database, shardId: string): Promise<string> => {
    assert.deepEqual(database, { id: shardId });
    asked.push(shardId);
    running += 1;
    peak = Math.max(peak, running);
    for (let turn = 0; turn < 1 + (asked.length % 3); turn += 1) await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    return `from ${shardId}`;
  };
  const results = await router.onEveryShard(body, { concurrency: 3 });
  assert.equal(peak, 3);
  assert.deepEqual(
    results,
    ids(20).map((shardId) => ({ shardId, value: `from ${shardId}` })),
  );
  asked.length = 0;
  peak = 0;
  await router.onEveryShard(body);
  assert.equal(peak, 8, 'the default');
});

test('after a failure no further shard is begun, those under way end first, and the first failure comes out', async () => {
  const router = setup(6);
  const first = new Error('first');
  const begun: string[] = [];
  let ended = 0;
  const scatter = router.onEveryShard(
    async (_database, shardId) => {
      begun.push(shardId);
      if (shardId === 'shard-1') throw first;
      await new Promise((resolve) => setImmediate(resolve));
      ended += 1;
      return 1;
    },
    { concurrency: 2 },
  );
  await assert.rejects(scatter, (error) => error === first);
  assert.deepEqual(begun, ['shard-0', 'shard-1']);
  assert.equal(ended, 1);
});
