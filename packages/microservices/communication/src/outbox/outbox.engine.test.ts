import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { connectDatabase, createMetrics, isNoaError, NoaError, silentLogger, systemClock, systemRandom, type SQLExecutor } from '@noa/core';
import { createEnvelope, type Envelope } from '@noa/message-queue';
import { createTestDatabase, LogRecorder, waitFor, type LogEntry, type TestDatabase } from '@noa/testing';
import { appendToOutbox, Inbox, INBOX_SQL, OUTBOX_EVENT_BYTES_MAX, OUTBOX_EVENTS_MAX, OUTBOX_SQL, OutboxRelay } from './index.ts';

let db: TestDatabase;
before(async () => {
  db = await createTestDatabase({ name: 'outbox' });
  await db.database.script(`CREATE SCHEMA box; SET search_path TO box; ${OUTBOX_SQL} ${INBOX_SQL} RESET search_path`);
});
beforeEach(() => db.database.script('TRUNCATE box.outbox, box.inbox'));
after(() => db.drop());

const event = (key: string, place: number): Envelope =>
  createEnvelope({ type: 'thing.changed', source: 'noa/test', partitionkey: key, data: { key, place }, clock: systemClock, random: systemRandom });

function relay(publish: (events: readonly Envelope[]) => Promise<void>): OutboxRelay {
  return new OutboxRelay({ database: db.database, schema: 'box', publish, clock: systemClock, logger: silentLogger, metrics: createMetrics() });
}

async function rowsLeft(): Promise<number> {
  const { rows } = await db.database.query<{ n: number }>('SELECT count(*)::int AS n FROM box.outbox');
  return rows[0]!.n;
}

test('what commits is published and removed, what rolls back never is', async () => {
  const got: string[] = [];
  const running = relay(async (events) => void got.push(...events.map((item) => item.id)));
  await running.start();
  const kept = event('a', 1);
  await db.database.transaction((tx) => appendToOutbox(tx, [kept], 'box'));
  await assert.rejects(
    db.database.transaction(async (tx) => {
      await appendToOutbox(tx, [event('a', 2)], 'box');
      throw new Error('rolled back');
    }),
  );
  await waitFor(async () => (await rowsLeft()) === 0);
  await running.stop();
  assert.deepEqual(got, [kept.id]);
});

test('a failed publish keeps the events, and they come again under the same ids', async () => {
  const tries: string[][] = [];
  const running = relay(async (events) => {
    tries.push(events.map((item) => item.id));
    if (tries.length === 1) throw new Error('broker away');
  });
  const events = [event('a', 1), event('a', 2)];
  await db.database.transaction((tx) => appendToOutbox(tx, events, 'box'));
  await running.start();
  await waitFor(async () => (await rowsLeft()) === 0);
  await running.stop();
  assert.deepEqual(tries, [events.map((item) => item.id), events.map((item) => item.id)]);
});

test('a lower number that commits later is not overlooked', async () => {
  const got: string[] = [];
  const running = relay(async (events) => void got.push(...events.map((item) => item.id)));
  const early = event('a', 1);
  const late = event('b', 1);
  let commitEarly: () => void = () => undefined;
  const opened = Promise.withResolvers<SQLExecutor>();
  const first = db.database.transaction(async (tx) => {
    await appendToOutbox(tx, [early], 'box');
    opened.resolve(tx);
    await new Promise<void>((resolve) => (commitEarly = resolve));
  });
  await opened.promise;
  await db.database.transaction((tx) => appendToOutbox(tx, [late], 'box'));
  await running.start();
  await waitFor(() => got.includes(late.id));
  commitEarly();
  await first;
  await waitFor(() => got.includes(early.id));
  await running.stop();
  assert.deepEqual(got, [late.id, early.id]);
});

test('several relays together lose nothing, repeat nothing without a crash, and keep the order of a key', async () => {
  const got: { key: string; place: number }[] = [];
  const relays = Array.from({ length: 3 }, () =>
    relay(async (events) => void got.push(...events.map((item) => item.data as { key: string; place: number }))),
  );
  await Promise.all(relays.map((running) => running.start()));
  for (let place = 0; place < 150; place += 1) {
    await db.database.transaction((tx) => appendToOutbox(tx, [event('a', place), event('b', place)], 'box'));
  }
  await waitFor(() => got.length >= 300);
  await waitFor(async () => (await rowsLeft()) === 0);
  await Promise.all(relays.map((running) => running.stop()));
  assert.equal(got.length, 300);
  for (const key of ['a', 'b'])
    assert.deepEqual(
      got.filter((item) => item.key === key).map((item) => item.place),
      Array.from({ length: 150 }, (_, place) => place),
    );
});

test('an inbox lets one of many duplicates through, and a rolled-back one leaves the event for the next', async () => {
  const inbox = new Inbox({ schema: 'box' });
  await assert.rejects(
    db.database.transaction(async (tx) => {
      assert.equal(await inbox.once(tx, 'mailer', 'e1'), true);
      throw new Error('effect failed');
    }),
  );
  const outcomes = await Promise.all(Array.from({ length: 8 }, () => db.database.transaction((tx) => inbox.once(tx, 'mailer', 'e1'))));
  assert.equal(outcomes.filter(Boolean).length, 1);
  assert.equal(await db.database.transaction((tx) => inbox.once(tx, 'counter', 'e1')), true, 'another consumer has its own');
  await db.database.query("UPDATE box.inbox SET handled_at = now() - interval '40 days' WHERE consumer = 'mailer'");
  assert.equal(await inbox.purge(db.database, 30), 1);
});

test('an event whose relay dies between publishing and deleting is published again under the same id', async () => {
  const firstTold: string[] = [];
  const sent = event('a', 1);
  await db.database.transaction((tx) => appendToOutbox(tx, [sent], 'box'));
  const doomed = connectDatabase({ url: db.url, clock: systemClock, logger: silentLogger, poolMax: 2, applicationName: 'doomed-relay' });
  const hanging = Promise.withResolvers<void>();
  const first = new OutboxRelay({
    database: doomed,
    schema: 'box',
    clock: systemClock,
    logger: silentLogger,
    metrics: createMetrics(),
    publish: async (events) => {
      firstTold.push(...events.map(({ id }) => id));
      await hanging.promise;
    },
  });
  await first.start();
  await waitFor(() => firstTold.length === 1);
  const again: string[] = [];
  const second = relay(async (events) => void again.push(...events.map(({ id }) => id)));
  await second.start();
  await db.database.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'doomed-relay%'");
  await waitFor(() => again.length === 1);
  hanging.resolve();
  await Promise.all([first.stop(), second.stop()]);
  await doomed.stop();
  assert.deepEqual(again, [sent.id]);
  assert.equal(await rowsLeft(), 0);
});

test('an event the queue refuses for good is parked with its reason and does not hold up the others', async () => {
  const got: unknown[] = [];
  const metrics = createMetrics();
  const running = new OutboxRelay({
    database: db.database,
    schema: 'box',
    clock: systemClock,
    logger: silentLogger,
    metrics,
    publish: async (events) => {
      if (events.some(({ partitionkey }) => partitionkey === 'bad')) throw new NoaError('REFUSED', { message: 'never', httpStatus: 413 });
      got.push(...events.map(({ data }) => (data as { place: number }).place));
    },
  });
  await db.database.transaction((tx) => appendToOutbox(tx, [event('a', 1), event('bad', 2), event('a', 3)], 'box'));
  await running.start();
  await waitFor(() => got.length === 2);
  await running.stop();
  assert.deepEqual(got, [1, 3]);
  const { rows } = await db.database.query<{ key: string; parked: string }>('SELECT partitionkey AS key, parked FROM box.outbox');
  assert.deepEqual(rows, [{ key: 'bad', parked: 'never' }]);
  const text = await metrics.render();
  assert.match(text, /outbox_events_published_total\{schema="box"\} 2/);
  assert.match(text, /outbox_events_parked_total\{schema="box"\} 1/);
  assert.match(text, /outbox_pending_events\{schema="box"\} 0/);
});

test('a publish that never answers counts as failed and is tried again', async () => {
  let tries = 0;
  const reasons: unknown[] = [];
  const logger = new LogRecorder(reasons as LogEntry[]);
  const running = new OutboxRelay({
    database: db.database,
    schema: 'box',
    clock: systemClock,
    logger,
    metrics: createMetrics(),
    pollMs: 10,
    publishTimeoutMs: 20,
    publish: () => ((tries += 1) === 1 ? new Promise(() => undefined) : Promise.resolve()),
  });
  await db.database.transaction((tx) => appendToOutbox(tx, [event('a', 1)], 'box'));
  await running.start();
  await waitFor(async () => tries === 2 && (await rowsLeft()) === 0);
  await running.stop();
  assert.match(JSON.stringify(reasons), /Publishing took too long/);
});

test('one id is written once, and what is over the limits is refused before it is written', async () => {
  const same = event('a', 1);
  await db.database.transaction((tx) => appendToOutbox(tx, [same, same], 'box'));
  await db.database.transaction((tx) => appendToOutbox(tx, [same], 'box'));
  assert.equal(await rowsLeft(), 1);
  const isRefused = (error: unknown): boolean => isNoaError(error, 'OUTBOX_EVENT_INVALID') && error.httpStatus === 413;
  await assert.rejects(appendToOutbox(db.database, [{ ...same, id: 'big', data: 'x'.repeat(OUTBOX_EVENT_BYTES_MAX) }], 'box'), isRefused);
  await assert.rejects(appendToOutbox(db.database, Array<Envelope>(OUTBOX_EVENTS_MAX + 1).fill(same), 'box'), isRefused);
});

test('a lost notification delays an event by one poll at most', async () => {
  const got: string[] = [];
  const running = relay(async (events) => void got.push(...events.map(({ id }) => id)));
  await running.start();
  // The listener looks once when it connects; only after that the poll is alone.
  await waitFor(async () => {
    const { rowCount } = await db.database.query("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'");
    return rowCount > 0;
  });
  await db.database.query("INSERT INTO box.outbox (id, envelope) VALUES ('silent', $1::jsonb)", [JSON.stringify({ ...event('a', 1), id: 'silent' })]);
  await waitFor(() => got.length === 1);
  await running.stop();
  assert.deepEqual(got, ['silent']);
});
