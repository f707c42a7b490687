import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { connectDatabase, createMetrics, isNoaError, StopStack, systemClock, type Database, type Metrics } from '@noa/core';
import { createTestDatabase, LogRecorder, TCPFaultProxy, waitFor, type TestDatabase } from '@noa/testing';
import { hashRangeOf } from './hash/bucketOf.ts';
import { expandAssignment } from './map/Assignment.ts';
import { MAP_CHANNEL } from './map/schema.ts';
import { ShardMapStore } from './map/ShardMapStore.ts';
import { ShardManager } from './ShardManager.ts';

const SHARDS = ['shard-0', 'shard-1', 'shard-2'];
const SCHEMA = [{ version: 1, name: 'items', sql: 'CREATE TABLE items (id uuid PRIMARY KEY, note text NOT NULL)' }];

interface Setup {
  readonly control: TestDatabase;
  readonly shards: readonly TestDatabase[];
  /** One before each shard, so that a test can cut it off. */
  readonly proxies: readonly TCPFaultProxy[];
  readonly logger: LogRecorder;
  readonly metrics: Metrics;
  manager(): Promise<ShardManager>;
}

const stops = new StopStack();
let setup: Setup;
before(async () => {
  const logger = new LogRecorder();
  const metrics = createMetrics();
  const control = await createTestDatabase({ name: 'control' });
  stops.defer(() => control.drop());
  const shards: TestDatabase[] = [];
  const proxies: TCPFaultProxy[] = [];
  const urls: string[] = [];
  for (const id of SHARDS) {
    const made = await createTestDatabase({ name: id.replace('-', '_') });
    stops.defer(() => made.drop());
    const url = new URL(made.url);
    const proxy = stops.use(new TCPFaultProxy({ target: { host: url.hostname, port: Number(url.port) } }));
    const { host, port } = await proxy.start();
    url.hostname = host;
    url.port = String(port);
    shards.push(made);
    proxies.push(proxy);
    urls.push(url.href);
  }
  const open = (url: string): Database => stops.use(connectDatabase({ url, logger, clock: systemClock, connectTimeoutMs: 2_000 }));
  setup = {
    control,
    shards,
    proxies,
    logger,
    metrics,
    manager: async () => {
      const manager = new ShardManager({
        control: control.database,
        shards: SHARDS.map((id, index) => ({ id, database: open(urls[index]!) })),
        keyspace: 'items',
        keyType: 'uuid',
        logger,
        clock: systemClock,
        metrics,
      });
      await manager.start();
      await manager.migrate('items', SCHEMA, { unreachable: 'postpone' });
      return stops.use(manager);
    },
  };
});
after(() => stops.stop());

/** A key that `manager` puts on `shardId`. */
function keyOn(manager: ShardManager, shardId: string): string {
  for (;;) {
    const key = randomUUID();
    if (manager.router.locate(key).shardId === shardId) return key;
  }
}

const insert = (manager: ShardManager, key: string, note = 'x'): Promise<unknown> =>
  manager.router.query(key, 'INSERT INTO items.items (id, note) VALUES ($1, $2)', [key, note]);

const isUnavailable = (shardId: string) => (error: unknown) => {
  assert.ok(isNoaError(error, 'SHARD_UNAVAILABLE'), String(error));
  assert.equal(error.httpStatus, 503);
  assert.equal(error.retryable, true);
  assert.equal(error.message, `Shard ${shardId} is not available`);
  return true;
};

test('every row lies on the shard whose buckets hold its hash, as the shard itself computes it in SQL', async () => {
  const manager = await setup.manager();
  const keys = Array.from({ length: 1_500 }, () => randomUUID());
  for (let at = 0; at < keys.length; at += 100) await Promise.all(keys.slice(at, at + 100).map((key) => insert(manager, key)));
  const owners = expandAssignment(manager.map.assignment);
  let total = 0;
  for (const { shardId, value } of await manager.router.onEveryShard((database) =>
    database.query<{ id: string; bucket: number; hash: number }>(
      'SELECT id, uuid_hash(id) AS hash, noa_shard.bucket_of(uuid_hash(id)) AS bucket FROM items.items',
    ),
  )) {
    for (const { id, bucket, hash } of value.rows) {
      assert.equal(owners[bucket], shardId, id);
      assert.ok(hash >= hashRangeOf(bucket).from && hash <= hashRangeOf(bucket).to);
      assert.deepEqual(manager.router.locate(id), { bucket, shardId, epoch: manager.map.epoch });
    }
    // A third each; 1,500 x 1/3 has a standard deviation of 18.
    assert.ok(Math.abs(value.rowCount - 500) < 110, `${shardId} has ${value.rowCount} of 1,500 rows`);
    total += value.rowCount;
  }
  assert.equal(total, keys.length);
  const { rows } = await manager.router.query(keys[7]!, 'SELECT note FROM items.items WHERE id = $1', [keys[7]]);
  assert.deepEqual(rows, [{ note: 'x' }]);
});

test('a transaction runs on the shard of its key and leaves nothing when its body throws', async () => {
  const manager = await setup.manager();
  const key = randomUUID();
  const own = new Error('no');
  const failing = manager.router.transaction(key, async (tx) => {
    await tx.query('INSERT INTO items.items (id, note) VALUES ($1, $2)', [key, 'rolled back']);
    throw own;
  });
  await assert.rejects(failing, (error) => error === own);
  await manager.router.transaction(key, (tx) => tx.query('INSERT INTO items.items (id, note) VALUES ($1, $2)', [key, 'kept']), {
    isolation: 'serializable',
  });
  const { rows } = await manager.router.database(key).query('SELECT note FROM items.items WHERE id = $1', [key]);
  assert.deepEqual(rows, [{ note: 'kept' }]);
});

test('a shard that is away fails its own keys by its name only; others are served, and it serves again when it is back', async () => {
  const manager = await setup.manager();
  const [away, here] = [keyOn(manager, 'shard-1'), keyOn(manager, 'shard-0')];
  setup.proxies[1]!.cut();
  await assert.rejects(insert(manager, away), isUnavailable('shard-1'));
  await assert.rejects(
    manager.router.transaction(away, (tx) => tx.query('SELECT 1')),
    isUnavailable('shard-1'),
  );
  await assert.rejects(
    manager.router.onEveryShard((database) => database.query('SELECT 1')),
    isUnavailable('shard-1'),
  );
  await insert(manager, here);
  const health = await manager.checkHealth();
  assert.deepEqual(
    health.map(({ id, isReachable, error }) => ({ id, isReachable, error })),
    SHARDS.map((id) => (id === 'shard-1' ? { id, isReachable: false, error: 'SHARD_UNAVAILABLE' } : { id, isReachable: true, error: undefined })),
  );
  setup.proxies[1]!.restore();
  await insert(manager, away);
  assert.ok((await manager.checkHealth()).every((shard) => shard.isReachable && shard.latencyMs >= 0));
});

test("another database's failure inside a transaction is not blamed on the shard", async () => {
  const manager = await setup.manager();
  const nowhere = stops.use(connectDatabase({ url: 'postgres://nobody:x@127.0.0.1:1/none', logger: setup.logger, clock: systemClock }));
  await assert.rejects(
    manager.router.transaction(randomUUID(), () => nowhere.query('SELECT 1')),
    (error) => isNoaError(error, 'DATABASE_UNAVAILABLE'),
  );
});

test('a start while a shard is away serves the other shards, and checks and migrates that one before its first use', async () => {
  await setup.manager();
  setup.proxies[2]!.cut();
  const manager = await setup.manager();
  const key = keyOn(manager, 'shard-2');
  await insert(manager, keyOn(manager, 'shard-0'));
  await assert.rejects(insert(manager, key), isUnavailable('shard-2'));
  const late = { version: 2, name: 'colour', sql: 'ALTER TABLE items ADD colour text' };
  await assert.rejects(manager.migrate('items', [...SCHEMA, late]), (error) => isNoaError(error, 'SHARD_MIGRATION_FAILED') && error.retryable);
  assert.deepEqual(await manager.migrate('items', [...SCHEMA, late], { unreachable: 'postpone' }), { 'shard-0': [], 'shard-1': [] });
  // Meanwhile the database becomes that of another deployment: it must not be served from.
  await setup.shards[2]!.database.query('UPDATE noa_shard.identity SET cluster = gen_random_uuid()');
  setup.proxies[2]!.restore();
  await assert.rejects(insert(manager, key), (error) => isNoaError(error, 'SHARD_IDENTITY_MISMATCH'));
  await setup.shards[2]!.database.query('UPDATE noa_shard.identity SET cluster = $1', [manager.map.cluster]);
  await manager.router.query(key, 'INSERT INTO items.items (id, note, colour) VALUES ($1, $2, $3)', [key, 'x', 'red']);
});

test('a newer map is followed at once and copied to the shards; an older or foreign one is not', async () => {
  const manager = await setup.manager();
  const store = new ShardMapStore(setup.control.database);
  const before = manager.map;
  const changed = { ...before, epoch: before.epoch + 1, assignment: [...before.assignment].reverse() };
  assert.equal(await store.replace(changed), true);
  assert.equal(await store.replace(changed), false, 'the epoch has passed');
  await waitFor(() => manager.router.epoch === changed.epoch, { message: 'the router follows the notification' });
  assert.equal(manager.router.locate('00000000-0000-0000-0000-000000000000').epoch, changed.epoch);
  const copy = () => setup.shards[0]!.database.query<{ epoch: number }>('SELECT epoch::int AS epoch FROM noa_shard.map_copy');
  await waitFor(async () => (await copy()).rows[0]?.epoch === changed.epoch);
  const bad = [before, { ...changed, epoch: changed.epoch + 1, cluster: randomUUID() }];
  for (const [index, map] of bad.entries()) {
    const refusals = () => setup.logger.entries.filter((entry) => entry.level === 'error' && entry.message.includes('older or foreign')).length;
    const seen = refusals();
    await setup.control.database.query('UPDATE noa_shard.map SET epoch = $1, document = $2::jsonb', [map.epoch, JSON.stringify(map)]);
    await setup.control.database.query(`SELECT pg_notify('${MAP_CHANNEL}', '')`);
    await waitFor(() => refusals() > seen, { message: `map ${index} is refused` });
    assert.equal(manager.router.epoch, changed.epoch);
  }
  // Leave the other tests a map they agree with.
  const next = { ...before, epoch: changed.epoch + 1 };
  await setup.control.database.query('UPDATE noa_shard.map SET epoch = $1, document = $2::jsonb', [next.epoch, JSON.stringify(next)]);
  await setup.control.database.query(`SELECT pg_notify('${MAP_CHANNEL}', '')`);
  await waitFor(() => manager.router.epoch === next.epoch);
});

test('queries and transactions are measured per shard, and the epoch is shown', async () => {
  const manager = await setup.manager();
  await insert(manager, keyOn(manager, 'shard-1'));
  const text = await setup.metrics.render();
  assert.match(text, /db_query_duration_seconds_count\{shard="shard-1"\} [1-9]/);
  assert.ok(text.includes(`shard_map_epoch{keyspace="items"} ${manager.map.epoch}`), text);
});

test('the loss of the control database stops no query', async () => {
  const url = new URL(setup.control.url);
  const proxy = stops.use(new TCPFaultProxy({ target: { host: url.hostname, port: Number(url.port) } }));
  const { host, port } = await proxy.start();
  url.hostname = host;
  url.port = String(port);
  const control = stops.use(connectDatabase({ url: url.href, logger: setup.logger, clock: systemClock }));
  const shards = SHARDS.map((id, index) => ({ id, database: setup.shards[index]!.database }));
  const manager = stops.use(new ShardManager({ control, shards, keyspace: 'items', keyType: 'uuid', logger: setup.logger, clock: systemClock }));
  await manager.start();
  proxy.cut();
  await assert.rejects(control.query('SELECT 1'), (error) => isNoaError(error, 'DATABASE_UNAVAILABLE'));
  await insert(manager, randomUUID());
});
