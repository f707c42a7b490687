import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { isNoaError, silentLogger, systemClock, uuidv7, type Database } from '@noa/core';
import { createTestDatabase, SeededRandom, SimulatedClock, type TestDatabase } from '@noa/testing';
import { ShardManager } from '../ShardManager.ts';
import { compareCollationC } from './compareCollationC.ts';
import { readPageAcrossShards, type KeysetPage } from './readPageAcrossShards.ts';

interface Row {
  readonly name: string;
  readonly id: string;
}

let databases: TestDatabase[];
let manager: ShardManager;
const clock = new SimulatedClock();
const random = new SeededRandom(7);
before(async () => {
  databases = await Promise.all([0, 1, 2].map((index) => createTestDatabase({ name: `pages_${index}` })));
  const shards = databases.map(({ database }, index) => ({ id: `shard-${index}`, database }));
  manager = new ShardManager({ control: shards[0]!.database, shards, keyspace: 'k', keyType: 'uuid', logger: silentLogger, clock: systemClock });
  await manager.start();
  await manager.migrate('k', [
    {
      version: 1,
      name: 'people',
      sql: 'CREATE TABLE people (id uuid PRIMARY KEY, name text COLLATE "C" NOT NULL); CREATE INDEX ON people (name, id)',
    },
  ]);
});
after(async () => {
  await manager.stop();
  for (const each of databases) await each.drop();
});

async function add(name: string): Promise<Row> {
  await clock.advance(1);
  const id = uuidv7(clock, random);
  await manager.router.query(id, 'INSERT INTO k.people (id, name) VALUES ($1, $2)', [id, name]);
  return { id, name };
}

const compareIds = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const byId = async (database: Database, after: string | undefined, limit: number): Promise<Row[]> => {
  const { rows } = await database.query<Row>('SELECT id, name FROM k.people WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT $2', [
    after ?? null,
    limit,
  ]);
  return rows;
};
const pageById = (limit: number, after?: string): Promise<KeysetPage<Row, string>> =>
  readPageAcrossShards<Row>(manager.router, { limit, after, fetch: byId, keyOf: (row) => row.id, compare: compareIds });

/** All pages one after the other; `between` runs after each. */
async function readAll(limit: number, between: () => Promise<void> = async () => undefined): Promise<Row[]> {
  const rows: Row[] = [];
  for (let after: string | undefined, isLast = false; !isLast;) {
    const page = await pageById(limit, after);
    assert.ok(page.rows.length <= limit);
    rows.push(...page.rows);
    after = page.next;
    isLast = after === undefined;
    await between();
  }
  return rows;
}

test('pages of any size give all rows of all shards, once and in order; the last page says so', async () => {
  const added: Row[] = [];
  for (let index = 0; index < 60; index += 1) added.push(await add(`name-${index % 7}`));
  const spread = await manager.router.onEveryShard((database) => byId(database, undefined, 100));
  assert.ok(
    spread.every(({ value }) => value.length > 0),
    'rows lie on every shard',
  );
  for (const limit of [1, 7, 59, 60, 61, 1_000]) assert.deepEqual(await readAll(limit), added, `limit ${limit}`);
  assert.equal((await pageById(60)).next, undefined);
  assert.equal((await pageById(59)).next, added[58]!.id);
});

test('rows that exist throughout are seen exactly once while others are written and deleted', async () => {
  const kept = await readAll(1_000);
  const doomed = [await add('doomed'), await add('doomed'), await add('doomed')];
  let writes = 0;
  const seen = await readAll(7, async () => {
    writes += 1;
    if (writes <= 5) await add('new');
    const victim = doomed.pop();
    if (victim !== undefined) await manager.router.query(victim.id, 'DELETE FROM k.people WHERE id = $1', [victim.id]);
  });
  const ids = seen.map((row) => row.id);
  assert.equal(new Set(ids).size, ids.length, 'no row twice');
  for (const row of kept) assert.ok(ids.includes(row.id));
});

test('a text order with ties follows (name, id) under collation C, beyond the BMP too', async () => {
  for (const name of ['\u{1f600}', '\uffee', 'Zoë', 'zoe', 'Ärger', '']) await add(name);
  const fetch = async (database: Database, after: Row | undefined, limit: number): Promise<Row[]> => {
    const { rows } = await database.query<Row>(
      'SELECT id, name FROM k.people WHERE $1::text IS NULL OR (name, id) > ($1, $2::uuid) ORDER BY name, id LIMIT $3',
      [after?.name ?? null, after?.id ?? null, limit],
    );
    return rows;
  };
  const compare = (a: Row, b: Row): number => compareCollationC(a.name, b.name) || compareIds(a.id, b.id);
  const seen: Row[] = [];
  for (let after: Row | undefined, isLast = false; !isLast;) {
    const page: KeysetPage<Row, Row> = await readPageAcrossShards<Row, Row>(manager.router, {
      limit: 10,
      after,
      fetch,
      keyOf: (row) => row,
      compare,
    });
    seen.push(...page.rows);
    after = page.next;
    isLast = after === undefined;
  }
  assert.deepEqual(seen, (await readAll(1_000)).sort(compare));
});

test('a shard whose order differs from the merge is refused, not merged wrongly', async () => {
  const backwards = async (database: Database, after: string | undefined, limit: number): Promise<Row[]> =>
    (await byId(database, after, limit)).reverse();
  const ignoring = (database: Database, _after: string | undefined, limit: number): Promise<Row[]> => byId(database, undefined, limit);
  const greedy = (database: Database, after: string | undefined): Promise<Row[]> => byId(database, after, 1_000);
  const cursor = (await pageById(10)).next;
  for (const fetch of [backwards, ignoring, greedy]) {
    const options = { limit: 5, after: cursor, fetch, keyOf: (row: Row) => row.id, compare: compareIds };
    await assert.rejects(
      readPageAcrossShards(manager.router, options),
      (error) => isNoaError(error, 'SHARD_PAGE_UNORDERED') && error.httpStatus === 500,
    );
  }
});

test('a page beyond its limits is a programmer mistake', async () => {
  await assert.rejects(pageById(0), /limit must be 1..1000/);
  await assert.rejects(pageById(1_001), /limit must be 1..1000/);
});
