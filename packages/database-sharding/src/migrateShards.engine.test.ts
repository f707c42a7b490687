import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { isNoaError, systemClock } from '@noa/core';
import { createTestDatabase, LogRecorder, type TestDatabase } from '@noa/testing';
import { ShardManager } from './ShardManager.ts';

let databases: TestDatabase[];
let manager: ShardManager;
before(async () => {
  databases = await Promise.all([0, 1, 2].map((index) => createTestDatabase({ name: `migrate_${index}` })));
  const shards = databases.map(({ database }, index) => ({ id: `shard-${index}`, database }));
  manager = new ShardManager({ control: shards[0]!.database, shards, keyspace: 'k', keyType: 'int8', logger: new LogRecorder(), clock: systemClock });
  await manager.start();
});
after(async () => {
  await manager.stop();
  for (const each of databases) await each.drop();
});

const steps = [
  { version: 1, name: 'one', sql: 'CREATE TABLE a (id int)' },
  { version: 2, name: 'two', sql: 'CREATE TABLE b (id int)' },
];

async function versions(index: number, schema: string): Promise<number[]> {
  const { rows } = await databases[index]!.database.query<{ version: number }>(`SELECT version FROM ${schema}.noa_version ORDER BY version`);
  return rows.map((row) => row.version);
}

test('a migration reaches every shard, and the report says what was applied where', async () => {
  assert.deepEqual(await manager.migrate('fan', steps.slice(0, 1)), { 'shard-0': [1], 'shard-1': [1], 'shard-2': [1] });
  assert.deepEqual(await manager.migrate('fan', steps), { 'shard-0': [2], 'shard-1': [2], 'shard-2': [2] });
  assert.deepEqual(await manager.migrate('fan', steps), { 'shard-0': [], 'shard-1': [], 'shard-2': [] });
  for (const index of [0, 1, 2]) assert.deepEqual(await versions(index, 'fan'), [1, 2]);
});

test('five processes that migrate together apply each step once', async () => {
  const reports = await Promise.all(Array.from({ length: 5 }, () => manager.migrate('race', steps)));
  for (const id of ['shard-0', 'shard-1', 'shard-2'])
    assert.deepEqual(
      reports.flatMap((report) => report[id]!).sort((a, b) => a - b),
      [1, 2],
    );
});

test('a failure on one shard names it, leaves the others done, and a second run completes it', async () => {
  await databases[1]!.database.script('CREATE SCHEMA part; CREATE TABLE part.b (id int)');
  await assert.rejects(manager.migrate('part', steps), (error) => {
    assert.ok(isNoaError(error, 'SHARD_MIGRATION_FAILED'));
    assert.match(error.message, /part could not be migrated on shard-1; the other shards are done/);
    assert.deepEqual(error.details['applied'], { 'shard-0': [1, 2], 'shard-2': [1, 2] });
    assert.match(JSON.stringify(error.details['failures']), /shard-1.*migration 2 \(two\).*already exists/);
    assert.equal(error.retryable, false);
    assert.ok(isNoaError(error.cause, 'DATABASE_MIGRATION_FAILED'));
    return true;
  });
  assert.deepEqual(await versions(0, 'part'), [1, 2]);
  await databases[1]!.database.script('DROP TABLE part.b');
  assert.deepEqual(await manager.migrate('part', steps), { 'shard-0': [], 'shard-1': [1, 2], 'shard-2': [] });
});
