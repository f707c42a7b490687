import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestDatabase, TCPFaultProxy, waitFor, type TestDatabase } from '@noa/testing';
import { isNoaError } from '../errors/NoaError.ts';
import { silentLogger } from '../log/Logger.ts';
import { systemClock } from '../time/Clock.ts';
import { connectDatabase } from './connectDatabase.ts';
import { isSQLState, SQLState } from './Database.ts';
import { migrate } from './migrate.ts';

let test1: TestDatabase;
const common = { logger: silentLogger, clock: systemClock };
before(async () => {
  test1 = await createTestDatabase({ name: 'core' });
});
after(() => test1.drop());

test('a transaction commits on return and rolls back on throw', async () => {
  const { database } = test1;
  await database.script('CREATE TABLE items (id int PRIMARY KEY)');
  await database.transaction((tx) => tx.query('INSERT INTO items VALUES ($1)', [1]));
  await assert.rejects(
    database.transaction(async (tx) => {
      await tx.query('INSERT INTO items VALUES ($1)', [2]);
      throw new Error('no');
    }),
    /no/,
  );
  const { rows } = await database.query<{ id: number }>('SELECT id FROM items');
  assert.deepEqual(rows, [{ id: 1 }]);
});

test("the server's own errors keep their SQLSTATE and constraint", async () => {
  await test1.database.script('CREATE TABLE uniq (v text CONSTRAINT uniq_v UNIQUE)');
  await test1.database.query('INSERT INTO uniq VALUES ($1)', ['a']);
  await assert.rejects(test1.database.query('INSERT INTO uniq VALUES ($1)', ['a']), (error) => {
    assert.ok(isSQLState(error, SQLState.UniqueViolation, 'uniq_v'));
    assert.equal(isSQLState(error, SQLState.UniqueViolation, 'other'), false);
    return true;
  });
});

test('a server that is not there is DATABASE_UNAVAILABLE, retryable', async () => {
  const database = connectDatabase({ url: 'postgres://nobody:x@127.0.0.1:1/none', ...common });
  await assert.rejects(
    database.query('SELECT 1'),
    (error) => isNoaError(error, 'DATABASE_UNAVAILABLE') && error.retryable && error.httpStatus === 503,
  );
  await database.stop();
});

test('migrations are applied once however many start together, and a changed one is refused', async () => {
  const steps = [
    { version: 1, name: 'table', sql: 'CREATE TABLE m (id int)' },
    { version: 2, name: 'row', sql: 'INSERT INTO m VALUES (1)' },
  ];
  const runs = await Promise.all(Array.from({ length: 4 }, () => migrate(test1.database, 'mig', steps)));
  assert.deepEqual(runs.flat().toSorted(), [1, 2]);
  const { rows } = await test1.database.query<{ id: number }>('SELECT id FROM mig.m');
  assert.equal(rows.length, 1);
  await assert.rejects(migrate(test1.database, 'mig', [{ ...steps[0]!, sql: 'CREATE TABLE m (id bigint)' }]), (error) =>
    isNoaError(error, 'DATABASE_MIGRATION_FAILED'),
  );
  await assert.rejects(migrate(test1.database, 'mig', [...steps, { version: 3, name: 'bad', sql: 'SELEKT' }]), (error) =>
    isNoaError(error, 'DATABASE_MIGRATION_FAILED'),
  );
  assert.deepEqual(await migrate(test1.database, 'mig', steps), [], 'the failed step left nothing behind');
});

test('a listener hears notifications, and after a cut connects again and says so', async () => {
  const target = new URL(test1.url);
  const proxy = new TCPFaultProxy({ target: { host: target.hostname, port: Number(target.port) } });
  const { host, port } = await proxy.start();
  target.hostname = host;
  target.port = String(port);
  const database = connectDatabase({ url: target.href, ...common });
  const payloads: string[] = [];
  let connects = 0;
  const listener = database.listen('things', { onNotify: (payload) => payloads.push(payload), onConnect: () => (connects += 1) });
  try {
    await waitFor(() => connects === 1);
    await test1.database.query("SELECT pg_notify('things', 'one')");
    await waitFor(() => payloads.includes('one'));
    proxy.cut();
    proxy.restore();
    await waitFor(() => connects === 2);
    await test1.database.query("SELECT pg_notify('things', 'two')");
    await waitFor(() => payloads.includes('two'));
  } finally {
    await listener.stop();
    await database.stop();
    await proxy.stop();
  }
});

test('a connection that dies inside a transaction is not handed out again', async () => {
  const database = connectDatabase({ url: test1.url, ...common, poolMax: 1 });
  await assert.rejects(
    database.transaction(async (tx) => {
      const { rows } = await tx.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      await test1.database.query('SELECT pg_terminate_backend($1)', [rows[0]!.pid]);
      await tx.query('SELECT 1');
    }),
    (error) => isNoaError(error, 'DATABASE_UNAVAILABLE'),
  );
  const { rows } = await database.query<{ ok: number }>('SELECT 1 AS ok');
  assert.equal(rows[0]?.ok, 1);
  await database.stop();
});
