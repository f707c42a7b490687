import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMetrics, isNoaError, NoaError, type Database, type SQLExecutor, type SQLResult } from '@noa/core';
import { SimulatedClock } from '@noa/testing';
import { checkShard } from './checkShard.ts';
import { ShardDatabase } from './ShardDatabase.ts';

const away = (): NoaError => new NoaError('DATABASE_UNAVAILABLE', { message: 'The database at 10.0.0.7 is not available' });

/** A database without a server: `answer` decides what each statement does. */
function fakeDatabase(answer: (text: string) => Promise<void> = async () => undefined): Database & { readonly texts: string[] } {
  const texts: string[] = [];
  const executor: SQLExecutor = {
    query: async <Row>(text: string): Promise<SQLResult<Row>> => {
      texts.push(text);
      await answer(text);
      return { rows: [], rowCount: 0 };
    },
    script: async (text) => {
      texts.push(text);
      await answer(text);
    },
  };
  return {
    ...executor,
    texts,
    transaction: (body) => body(executor),
    listen: () => ({ stop: async () => undefined }),
    stop: () => assert.fail('a shard must not stop a database that it does not own'),
  };
}

const clock = new SimulatedClock();
const wrap = (database: Database): ShardDatabase => new ShardDatabase({ shardId: 'shard-7', database, clock });

function isShardAway(error: unknown): boolean {
  assert.ok(isNoaError(error, 'SHARD_UNAVAILABLE'), String(error));
  assert.ok(!error.message.includes('10.0.0.7'), 'the host stays inside');
  assert.ok(isNoaError(error.cause, 'DATABASE_UNAVAILABLE'));
  return error.message.includes('shard-7') && error.retryable && error.httpStatus === 503;
}

test('every way to an unreachable database names the shard and not the host', async () => {
  const shard = wrap(fakeDatabase(() => Promise.reject(away())));
  await assert.rejects(shard.query('SELECT 1'), isShardAway);
  await assert.rejects(shard.script('SELECT 1'), isShardAway);
  await assert.rejects(
    shard.transaction((tx) => tx.query('SELECT 1')),
    isShardAway,
  );
  await assert.rejects(
    shard.transaction((tx) => tx.script('SELECT 1')),
    isShardAway,
  );
  const noConnection = { ...fakeDatabase(), transaction: () => Promise.reject(away()) };
  await assert.rejects(
    wrap(noConnection).transaction(async () => 1),
    isShardAway,
  );
});

test("the server's own errors and those of a transaction's body come out as they are", async () => {
  const own = new Error('syntax');
  await assert.rejects(wrap(fakeDatabase(() => Promise.reject(own))).query('SELEKT'), (error) => error === own);
  const foreign = away();
  await assert.rejects(
    wrap(fakeDatabase()).transaction(() => Promise.reject(foreign)),
    (error) => error === foreign,
  );
});

test('nothing is served before its admission, which runs once for all who wait', async () => {
  const inner = fakeDatabase();
  const shard = wrap(inner);
  let open = (): void => undefined;
  const gate = new Promise<void>((resolve) => (open = resolve));
  let runs = 0;
  const step = async (): Promise<void> => {
    runs += 1;
    await gate;
  };
  shard.require(step);
  shard.require(step);
  const asked = [shard.query('SELECT 1'), shard.query('SELECT 2'), shard.transaction((tx) => tx.query('SELECT 3'))];
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(inner.texts, []);
  open();
  await Promise.all(asked);
  assert.equal(runs, 1);
  assert.equal(inner.texts.length, 3);
});

test('a failed admission fails the use and is tried again at the next, before later steps', async () => {
  const shard = wrap(fakeDatabase());
  const order: string[] = [];
  let isAway = true;
  shard.require(async () => {
    order.push('first');
    if (isAway) throw away();
  });
  shard.require(async () => void order.push('second'));
  await assert.rejects(shard.query('SELECT 1'), isShardAway);
  isAway = false;
  await shard.query('SELECT 1');
  await shard.query('SELECT 1');
  assert.deepEqual(order, ['first', 'first', 'second']);
});

test('a step required again while it runs, runs again', async () => {
  const shard = wrap(fakeDatabase());
  let runs = 0;
  const step = async (): Promise<void> => {
    runs += 1;
    if (runs === 1) shard.require(step);
  };
  shard.require(step);
  await shard.query('SELECT 1');
  assert.equal(runs, 2);
});

test('durations are measured in seconds, failures included', async () => {
  const metrics = createMetrics();
  const inner = fakeDatabase(async (text) => {
    await clock.advance(250);
    if (text === 'bad') throw new Error('bad');
  });
  const shard = new ShardDatabase({ shardId: 'shard-7', database: inner, clock, metrics });
  await shard.query('good');
  await assert.rejects(shard.query('bad'));
  const text = await metrics.render();
  assert.match(text, /db_query_duration_seconds_count\{shard="shard-7"\} 2/);
  assert.match(text, /db_query_duration_seconds_sum\{shard="shard-7"\} 0\.5/);
});

test('stopping a shard leaves the database to its owner', async () => {
  await wrap(fakeDatabase()).stop();
});

test('a silent shard is reported unreachable after two seconds, and no timer is left behind by one that answers', async () => {
  const silent = checkShard({ id: 'shard-7', database: fakeDatabase(() => new Promise(() => undefined)) }, clock);
  await clock.advance(2_000);
  assert.deepEqual(await silent, { id: 'shard-7', isReachable: false, latencyMs: 2_000, error: 'DEADLINE_EXCEEDED' });
  assert.deepEqual(await checkShard({ id: 'shard-7', database: fakeDatabase() }, clock), { id: 'shard-7', isReachable: true, latencyMs: 0 });
  assert.equal(clock.pendingTimers, 0);
  const broken = await checkShard({ id: 'shard-7', database: fakeDatabase(() => Promise.reject(new Error('odd'))) }, clock);
  assert.equal(broken.error, 'INTERNAL');
});
