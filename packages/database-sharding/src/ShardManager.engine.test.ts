import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { connectDatabase, isNoaError, silentLogger, StopStack, systemClock, type Database } from '@noa/core';
import { createTestDatabase, waitFor, type TestDatabase } from '@noa/testing';
import { splitEvenly } from './map/Assignment.ts';
import { ShardManager, type ShardManagerOptions } from './ShardManager.ts';

let control: TestDatabase;
let databases: TestDatabase[];
let stops = new StopStack();
before(async () => {
  control = await createTestDatabase({ name: 'control' });
  databases = await Promise.all([0, 1, 2].map((index) => createTestDatabase({ name: `shard_${index}` })));
});
after(async () => {
  await stops.stop();
  for (const each of [control, ...databases]) await each.drop();
});
beforeEach(async () => {
  await stops.stop();
  stops = new StopStack();
  for (const each of [control, ...databases]) await each.database.script('DROP SCHEMA IF EXISTS noa_shard CASCADE');
});

const shard = (index: number, id = `shard-${index}`): { id: string; database: Database } => ({ id, database: databases[index]!.database });

/** A manager of the first two databases, not started. */
function manager(options: Partial<ShardManagerOptions> = {}): ShardManager {
  const defaults = { control: control.database, keyspace: 'users', keyType: 'uuid', logger: silentLogger, clock: systemClock } as const;
  return stops.use(new ShardManager({ ...defaults, shards: [shard(0), shard(1)], ...options }));
}

async function started(options: Partial<ShardManagerOptions> = {}): Promise<ShardManager> {
  const made = manager(options);
  await made.start();
  return made;
}

async function refusal(start: Promise<unknown>, code: string): Promise<Error> {
  const error = await start.then(
    () => assert.fail(`expected ${code}`),
    (reason: unknown) => reason,
  );
  assert.ok(isNoaError(error, code), `expected ${code}, got ${String(error)}`);
  return error;
}

describe('first start', () => {
  test('splits the buckets evenly, marks each database and leaves it a copy of the map', async () => {
    const { map } = await started();
    assert.deepEqual(map.assignment, splitEvenly(['shard-0', 'shard-1']));
    assert.deepEqual(map.keyspaces, [{ name: 'users', hash: 'pg32', buckets: 4096, keyType: 'uuid' }]);
    for (const index of [0, 1]) {
      const { rows } = await databases[index]!.database.query(
        'SELECT cluster::text, shard_id, epoch::int, document FROM noa_shard.identity, noa_shard.map_copy',
      );
      assert.equal(rows[0]!['cluster'], map.cluster);
      assert.equal(rows[0]!['shard_id'], `shard-${index}`);
    }
  });

  test('leaves every shard the newest epoch before it serves', async () => {
    const made = await started();
    assert.ok(made.map.shards.every((each) => each.state === 'active'));
    const copies = await made.router.onEveryShard(async (database) => {
      const { rows } = await database.query('SELECT epoch::int AS epoch, document FROM noa_shard.map_copy');
      return rows[0];
    });
    for (const { value } of copies) assert.deepEqual(value, { epoch: made.map.epoch, document: made.map });
  });

  test('by ten managers of two keyspaces at once ends in one map that all agree on', async () => {
    const managers = Array.from({ length: 10 }, (_, index) => manager({ keyspace: index % 2 === 0 ? 'users' : 'orders' }));
    await Promise.all(managers.map((each) => each.start()));
    const last = await started();
    assert.deepEqual(last.map.keyspaces.map((keyspace) => keyspace.name).sort(), ['orders', 'users']);
    for (const each of managers) {
      assert.equal(each.map.cluster, last.map.cluster);
      assert.deepEqual(each.map.assignment, last.map.assignment);
      await waitFor(() => each.router.epoch === last.router.epoch, { message: 'every manager hears of the last change' });
    }
  });

  test('with one database given twice, under two addresses, is refused before anything is marked', async () => {
    const alias = new URL(databases[0]!.url);
    alias.searchParams.set('application_name', 'alias');
    const twice = stops.use(connectDatabase({ url: alias.href, logger: silentLogger, clock: systemClock }));
    const error = await refusal(manager({ shards: [shard(0), { id: 'shard-1', database: twice }] }).start(), 'SHARD_IDENTITY_MISMATCH');
    assert.match(error.message, /shard-0 and shard-1 are one database/);
    const { rows } = await databases[0]!.database.query(`SELECT to_regclass('noa_shard.identity') AS identity`);
    assert.deepEqual(rows, [{ identity: null }]);
    assert.deepEqual((await started()).map.assignment, splitEvenly(['shard-0', 'shard-1']), 'the right databases then start');
  });

  test('that ended between marking and activation is completed by the next', async () => {
    await started();
    await control.database.script(`UPDATE noa_shard.map SET document = jsonb_set(document, '{shards,1,state}', '"joining"'); `);
    const { map } = await started();
    assert.ok(map.shards.every((each) => each.state === 'active'));
  });

  test('needs every shard, names the one that is away, and then succeeds when it is there', async () => {
    const nowhere = stops.use(connectDatabase({ url: 'postgres://nobody:x@127.0.0.1:1/none', logger: silentLogger, clock: systemClock }));
    const away = { id: 'shard-1', database: nowhere };
    const early = await refusal(manager({ shards: [shard(0), away] }).start(), 'SHARD_UNAVAILABLE');
    assert.equal(early.message, 'Shard shard-1 is not available');
    await started();
    await control.database.script(`UPDATE noa_shard.map SET document = jsonb_set(document, '{shards,1,state}', '"joining"')`);
    await refusal(manager({ shards: [shard(0), away] }).start(), 'SHARD_UNAVAILABLE');
    await started();
    const late = await started({ shards: [shard(0), away] });
    assert.equal(late.router.epoch, late.map.epoch, 'an active shard may be late');
  });

  test('without its control database is DATABASE_UNAVAILABLE', async () => {
    const nowhere = stops.use(connectDatabase({ url: 'postgres://nobody:x@127.0.0.1:1/none', logger: silentLogger, clock: systemClock }));
    await refusal(manager({ control: nowhere }).start(), 'DATABASE_UNAVAILABLE');
  });

  test('works when the control database is itself a shard', async () => {
    const { map } = await started({ control: databases[0]!.database });
    assert.equal(map.shards.length, 2);
  });
});

describe('a later start', () => {
  test('keeps the map as it is', async () => {
    const first = await started();
    const second = await started();
    assert.deepEqual(second.map, first.map);
  });

  test('with another set of shards is refused and changes nothing', async () => {
    const { map } = await started();
    const more = await refusal(manager({ shards: [shard(0), shard(1), shard(2)] }).start(), 'SHARD_SET_CHANGED');
    assert.match(more.message, /unknown: shard-2/);
    const fewer = await refusal(manager({ shards: [shard(0)] }).start(), 'SHARD_SET_CHANGED');
    assert.match(fewer.message, /missing: shard-1/);
    await refusal(manager({ shards: [shard(0), shard(2, 'shard-9')] }).start(), 'SHARD_SET_CHANGED');
    assert.deepEqual((await started()).map, map);
  });

  test('with the shards in another order is the same set', async () => {
    const { map } = await started();
    assert.deepEqual((await started({ shards: [shard(1), shard(0)] })).map, map);
  });

  test('with two shards swapped is refused, naming who is who', async () => {
    await started();
    const error = await refusal(manager({ shards: [shard(1, 'shard-0'), shard(0, 'shard-1')] }).start(), 'SHARD_IDENTITY_MISMATCH');
    assert.match(error.message, /given as shard-[01] is not that shard: it is shard-[01]/);
  });

  test('with one database given twice is refused', async () => {
    await started();
    await refusal(manager({ shards: [shard(0), shard(0, 'shard-1')] }).start(), 'SHARD_IDENTITY_MISMATCH');
  });

  test('with an emptied database in the place of a shard is refused, not filled anew', async () => {
    await started();
    const error = await refusal(manager({ shards: [shard(0), shard(2, 'shard-1')] }).start(), 'SHARD_IDENTITY_MISMATCH');
    assert.match(error.message, /given as shard-1 .* emptied/);
  });

  test('with a lost control database is refused, for its shards belong to a deployment that it does not know', async () => {
    await started();
    await control.database.script('DROP SCHEMA noa_shard CASCADE');
    const error = await refusal(manager().start(), 'SHARD_IDENTITY_MISMATCH');
    assert.match(error.message, /another deployment/);
  });

  test('with a control database older than a shard is refused', async () => {
    const made = await started();
    await made.router.onEveryShard((database) => database.query('UPDATE noa_shard.map_copy SET epoch = 99'));
    await refusal(manager().start(), 'SHARD_MAP_STALE');
  });

  test('with another key type is refused; with a new keyspace the map gets it', async () => {
    const { map: first } = await started();
    const error = await refusal(manager({ keyType: 'text' }).start(), 'SHARD_KEYSPACE_MISMATCH');
    assert.match(error.message, /users has keys of type uuid, not text/);
    const { map } = await started({ keyspace: 'orders', keyType: 'int8' });
    assert.equal(map.epoch, first.epoch + 1);
    assert.deepEqual(map.assignment, first.assignment);
  });

  test('against the configured rules is refused before anything is written', async () => {
    const rules = [{ name: 'users', strategy: 'hash', keyType: 'uuid' }] as const;
    await refusal(manager({ rules, keyType: 'text' }).start(), 'SHARD_KEYSPACE_MISMATCH');
    await refusal(manager({ rules, keyspace: 'orders' }).start(), 'SHARD_KEYSPACE_MISMATCH');
    const { rows } = await control.database.query(`SELECT to_regclass('noa_shard.map') AS map`);
    assert.deepEqual(rows, [{ map: null }]);
    await started({ rules });
  });

  test('with a map of a later version is refused', async () => {
    await started();
    await control.database.script(`UPDATE noa_shard.map SET document = document || '{"moves": []}'`);
    await refusal(manager().start(), 'SHARD_MAP_INVALID');
  });
});

describe('life cycle', () => {
  test('a failed start may be tried again; stop may come twice and before start', async () => {
    const early = manager();
    await early.stop();
    await started({ shards: [shard(0), shard(2, 'shard-1')] });
    const wrong = manager();
    await refusal(wrong.start(), 'SHARD_IDENTITY_MISMATCH');
    await databases[1]!.database.script(`CREATE SCHEMA IF NOT EXISTS noa_shard`);
    const { rows } = await databases[2]!.database.query<{ cluster: string }>('SELECT cluster::text AS cluster FROM noa_shard.identity');
    await databases[1]!.database.query(`INSERT INTO noa_shard.identity (cluster, shard_id) VALUES ($1, 'shard-1')`, [rows[0]!.cluster]);
    await wrong.start();
    await wrong.stop();
    await wrong.stop();
  });

  test('a manager that is not started is a programmer mistake, not a wrong answer', () => {
    assert.throws(() => manager().map, /not started/);
    assert.throws(() => manager().router.locate('0190f5fe-7c00-7a00-8000-000000000000'), /must be started/);
    assert.throws(() => manager({ shards: [] }));
    assert.throws(() => manager({ shards: [shard(0), shard(1, 'shard-0')] }), /distinct/);
    assert.throws(() => manager({ keyspace: 'Users' }), /must match/);
  });
});
