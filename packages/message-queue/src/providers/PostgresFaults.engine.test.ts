import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { after, before, test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createMetrics, isNoaError, silentLogger, systemClock, systemRandom, type Metrics } from '@noa/core';
import { createTestDatabase, TCPFaultProxy, waitFor, type TestDatabase } from '@noa/testing';
import { QueueManager } from '../QueueManager.ts';
import { untilDepth } from './conformanceKit.conformance.ts';
import { TAKEOVERS_MAX } from './PostgresJobs.ts';
import { PostgresProvider } from './PostgresProvider.ts';

const WORKER = fileURLToPath(new URL('./worker.fixture.ts', import.meta.url));

/** Default of `work`. */
const WORKER_CONCURRENCY = 5;

let engine: TestDatabase;
before(async () => {
  engine = await createTestDatabase({ name: 'queuefault' });
});
after(() => engine.drop());

/** A started manager; short intervals, so that a test does not wait for what a process would find in seconds. */
async function open(
  context: TestContext,
  options: { url?: string; sweepMs?: number; backstopMs?: number; statementTimeoutMs?: number; metrics?: Metrics } = {},
): Promise<QueueManager> {
  const common = { clock: systemClock, random: systemRandom, logger: silentLogger };
  const { url = engine.url, metrics = createMetrics(), ...intervals } = options;
  const manager = new QueueManager({ provider: new PostgresProvider({ url, ...common, ...intervals }), ...common, metrics });
  context.after(() => manager.stop({ graceMs: 10 }));
  await manager.start();
  return manager;
}

/** Makes every lease of the queue look as if its worker had been silent for an hour. */
async function ageLeases(queue: string): Promise<void> {
  await engine.database.query(`UPDATE noa_queue.job SET heartbeat_on = now() - interval '1 hour' WHERE name = $1 AND state = 'active'`, [queue]);
}

test('a worker killed with -9 loses its message to another after the lease, and the attempt is not charged', async (context) => {
  const queue = 'killed-worker';
  const manager = await open(context, { sweepMs: 50 });
  await manager.declare({ name: queue });
  const { id } = await manager.send(queue, 'precious');
  const worker = spawn(process.execPath, [WORKER, engine.url, queue, 'hold'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(worker.stdout, 'data')) as [Buffer];
  assert.equal(line.toString(), 'holding 1\n');
  worker.kill('SIGKILL');
  await once(worker, 'exit');
  const seen: [string, number][] = [];
  await manager.work(queue, async (message, { attempt }) => void seen.push([message.id, attempt]));
  await untilDepth(manager, queue, { active: 1, ready: 0 });
  assert.deepEqual(seen, [], 'while the lease runs the message is nobody else’s');
  await ageLeases(queue);
  await waitFor(() => seen.length === 1);
  await untilDepth(manager, queue, { active: 0, ready: 0, dead: 0 });
  await manager.stop();
  assert.deepEqual(seen, [[id, 1]]);
});

test('workers killed with -9 in the middle of their work lose no message, and repeat no more than they held', async (context) => {
  const queue = 'massacre';
  const manager = await open(context, { sweepMs: 50 });
  await manager.declare({ name: queue });
  const sent = await Promise.all(Array.from({ length: 200 }, async (_, index) => (await manager.send(queue, index)).id));
  const effects: string[] = [];
  let killed = 0;
  for (let round = 1; round <= 2; round += 1) {
    const workers = [1, 2].map(() =>
      spawn(process.execPath, [WORKER, `${engine.url}?application_name=${queue}`, queue, 'handle'], { stdio: ['ignore', 'pipe', 'inherit'] }),
    );
    for (const { stdout } of workers) createInterface(stdout).on('line', (line) => effects.push(line));
    await waitFor(() => effects.length >= round * 60, { message: `round ${round} to get going` });
    for (const worker of workers) worker.kill('SIGKILL');
    await Promise.all(workers.map((worker) => once(worker, 'close')));
    killed += workers.length;
    // A claim may still be on its way through the dead process's socket.
    await waitFor(async () => {
      const { rowCount } = await engine.database.query('SELECT 1 FROM pg_stat_activity WHERE application_name = $1', [queue]);
      return rowCount === 0;
    });
    await ageLeases(queue);
  }
  await manager.work(queue, async ({ id }) => void effects.push(id));
  await untilDepth(manager, queue, { ready: 0, active: 0, delayed: 0, dead: 0 });
  assert.deepEqual(new Set(effects), new Set(sent), 'all that was sent was handled, and nothing else');
  const repeated = effects.length - new Set(effects).size;
  assert.ok(repeated <= killed * WORKER_CONCURRENCY, `${repeated} repeated`);
});

test('an outcome that comes after the lease passed on is refused and counted', async (context) => {
  const queue = 'zombie';
  const metrics = createMetrics();
  const zombie = await open(context, { metrics, sweepMs: 3_600_000 });
  const successor = await open(context, { sweepMs: 50 });
  await zombie.declare({ name: queue });
  await successor.declare({ name: queue });
  const finish = Promise.withResolvers<void>();
  const outcomes: string[] = [];
  const started = Promise.withResolvers<void>();
  await zombie.work(
    queue,
    async () => {
      started.resolve();
      await finish.promise;
      outcomes.push('zombie finished');
    },
    { concurrency: 1 },
  );
  await zombie.send(queue, {});
  await started.promise;
  const release = Promise.withResolvers<void>();
  await successor.work(queue, async () => {
    outcomes.push('successor started');
    await release.promise;
  });
  await ageLeases(queue);
  await waitFor(() => outcomes.includes('successor started'));
  finish.resolve();
  await waitFor(async () => /queue_message_stale_settlements_total\{queue="zombie"\} 1/.test(await metrics.render()));
  await untilDepth(successor, queue, { active: 1, ready: 0 });
  release.resolve();
  await untilDepth(successor, queue, { active: 0, ready: 0, dead: 0 });
  await Promise.all([zombie.stop(), successor.stop()]);
  assert.deepEqual(outcomes, ['successor started', 'zombie finished']);
});

test('a message whose workers are lost again and again is a dead letter', async (context) => {
  const queue = 'killer';
  const manager = await open(context, { sweepMs: 20 });
  await manager.declare({ name: queue });
  await manager.send(queue, 'poison');
  let claims = 0;
  await manager.work(
    queue,
    (_, { signal }) => {
      claims += 1;
      return new Promise((__, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
    },
    { concurrency: TAKEOVERS_MAX + 1 },
  );
  for (let round = 1; round <= TAKEOVERS_MAX + 1; round += 1) {
    await waitFor(() => claims >= round);
    await ageLeases(queue);
  }
  await untilDepth(manager, queue, { dead: 1, active: 0, ready: 0 });
  const { items } = await manager.deadLetters(queue);
  assert.deepEqual([items[0]!.failure.code, items[0]!.envelope.data, claims], ['WORKER_LOST', 'poison', TAKEOVERS_MAX + 1]);
  await manager.stop({ graceMs: 10 });
});

test('a cut connection loses no acknowledged message, and work goes on when it is back', async (context) => {
  const queue = 'cut';
  const target = new URL(engine.url);
  const proxy = new TCPFaultProxy({ target: { host: target.hostname, port: Number(target.port) } });
  const { host, port } = await proxy.start();
  const through = new URL(engine.url);
  through.host = `${host}:${port}`;
  const manager = await open(context, { url: through.href, backstopMs: 100 });
  const direct = await open(context);
  await manager.declare({ name: queue, backoff: { baseMs: 1, capMs: 5 } });
  const acknowledged = new Set<string>();
  const handled = new Set<string>();
  await manager.work(queue, async ({ id }) => {
    if (handled.size === 20) proxy.cut();
    handled.add(id);
  });
  for (let index = 0; index < 60; index += 1) {
    await manager.send(queue, index).then(
      ({ id }) => acknowledged.add(id),
      (error: unknown) => assert.ok(isNoaError(error, 'DATABASE_UNAVAILABLE'), String(error)),
    );
  }
  await waitFor(() => handled.size >= 21);
  await assert.rejects(manager.send(queue, 'refused'), (error) => isNoaError(error, 'DATABASE_UNAVAILABLE') && error.retryable);
  proxy.restore();
  const { id } = await waitFor(() => manager.send(queue, 'after').catch(() => undefined));
  acknowledged.add(id);
  await waitFor(() => [...acknowledged].every((sent) => handled.has(sent)), {
    message: 'every acknowledged message to be handled',
    timeoutMs: 20_000,
  });
  await ageLeases(queue);
  await untilDepth(direct, queue, { ready: 0, active: 0, delayed: 0, dead: 0 });
  await manager.stop();
  await direct.stop();
  await proxy.stop();
});

test('a link that swallows everything is given up, and work goes on over a new one', async (context) => {
  const queue = 'half-open';
  const target = new URL(engine.url);
  const proxy = new TCPFaultProxy({ target: { host: target.hostname, port: Number(target.port) } });
  const { host, port } = await proxy.start();
  const through = new URL(engine.url);
  through.host = `${host}:${port}`;
  const manager = await open(context, { url: through.href, backstopMs: 100, statementTimeoutMs: 200 });
  const direct = await open(context);
  context.after(() => proxy.stop());
  await manager.declare({ name: queue });
  await direct.declare({ name: queue });
  const seen: unknown[] = [];
  await manager.work(queue, async ({ data }) => void seen.push(data));
  await manager.send(queue, 'before');
  await waitFor(() => seen.length === 1);
  proxy.blackhole(true);
  await assert.rejects(manager.send(queue, 'swallowed'), (error) => isNoaError(error, 'DATABASE_UNAVAILABLE') && error.retryable);
  proxy.blackhole(false);
  await direct.send(queue, 'after');
  await waitFor(() => seen.includes('after'), { timeoutMs: 20_000 });
});

test('a message nobody was notified of is found by the slow poll', async (context) => {
  const queue = 'silent';
  const manager = await open(context, { backstopMs: 100 });
  await manager.declare({ name: queue });
  const seen: unknown[] = [];
  await manager.work(queue, async ({ data }) => void seen.push(data));
  await manager.send(queue, 'told');
  await waitFor(() => seen.length === 1);
  await engine.database.query(
    `INSERT INTO noa_queue.job (name, data, heartbeat_seconds, policy)
     SELECT name, jsonb_set(data, '{data}', '"untold"'), heartbeat_seconds, policy FROM noa_queue.job WHERE name = $1`,
    [queue],
  );
  await waitFor(() => seen.length === 2);
  await manager.stop();
  assert.deepEqual(seen, ['told', 'untold']);
});

test('an enqueue into the transaction of another database is refused and rolls nothing of the queue', async (context) => {
  const elsewhere = await createTestDatabase({ name: 'elsewhere' });
  const manager = await open(context);
  await manager.declare({ name: 'home' });
  await assert.rejects(
    elsewhere.database.transaction((tx) => manager.send('home', {}, { tx })),
    (error) => isNoaError(error, 'QUEUE_TRANSACTION_ELSEWHERE'),
  );
  await untilDepth(manager, 'home', { ready: 0 });
  await manager.stop();
  await elsewhere.drop();
});

test('a zero character, which PostgreSQL cannot store, is refused by name', async (context) => {
  const manager = await open(context);
  await manager.declare({ name: 'zero' });
  await assert.rejects(manager.send('zero', 'a\u0000b'), (error) => isNoaError(error, 'QUEUE_DEFINITION_INVALID') && error.httpStatus === 400);
  await manager.stop();
});

test('a queue’s retention and lease are those it was declared with', async (context) => {
  const manager = await open(context);
  await manager.declare({ name: 'kept', retentionMs: 3_600_000, leaseMs: 20_000 });
  await manager.send('kept', {});
  const { rows } = await engine.database.query(
    `SELECT extract(epoch FROM keep_until - start_after)::int AS retention, heartbeat_seconds AS lease FROM noa_queue.job WHERE name = 'kept'`,
  );
  assert.deepEqual(rows, [{ retention: 3_600, lease: 20 }]);
  await manager.stop();
});

test('a server that is away fails the start with a named error, and a later start succeeds', async () => {
  const target = new URL(engine.url);
  const proxy = new TCPFaultProxy({ target: { host: target.hostname, port: Number(target.port) } });
  const { host, port } = await proxy.start();
  const through = new URL(engine.url);
  through.host = `${host}:${port}`;
  proxy.cut();
  const provider = new PostgresProvider({ url: through.href, clock: systemClock, random: systemRandom, logger: silentLogger });
  await assert.rejects(provider.start(), (error) => isNoaError(error, 'DATABASE_UNAVAILABLE'));
  proxy.restore();
  await provider.start();
  assert.match((await provider.capabilities()).engineVersion, /^\d+/);
  await provider.stop();
  await proxy.stop();
});

test('several processes can install and start at the same time', async (context) => {
  const fresh = await createTestDatabase({ name: 'queuefresh' });
  const managers = await Promise.all(Array.from({ length: 4 }, () => open(context, { url: fresh.url })));
  await Promise.all(managers.map((manager) => manager.declare({ name: 'first' })));
  await managers[0]!.send('first', {});
  await untilDepth(managers[3]!, 'first', { ready: 1 });
  await Promise.all(managers.map((manager) => manager.stop()));
  await fresh.drop();
});
