import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogRecorder, SimulatedClock } from '@noa/testing';
import type { Envelope } from '../Envelope.ts';
import { PostgresConsumer, type PostgresConsumerOptions } from './PostgresConsumer.ts';
import type { ClaimedJob } from './PostgresJobs.ts';
import type { Delivery, Outcome } from './QueueProvider.ts';

const LEASE_MS = 30_000;
const ACK: Outcome = { kind: 'ack' };

function job(id: string, epoch = 0): ClaimedJob {
  const envelope: Envelope = { specversion: '1.0', id, source: 's', type: 't', time: '', datacontenttype: 'application/json', data: id };
  return { id, epoch, attempt: 1, envelope };
}

/** A consumer over made-up job states; each test changes what it needs. */
function setup(onDelivery: (delivery: Delivery) => Promise<Outcome>, overrides: Partial<PostgresConsumerOptions['jobs']> = {}, concurrency = 2) {
  const clock = new SimulatedClock();
  const logger = new LogRecorder();
  const waiting: ClaimedJob[] = [];
  const calls: string[] = [];
  const stale: string[] = [];
  const note =
    (name: string) =>
    async (_: string, { id }: Pick<ClaimedJob, 'id'>): Promise<boolean> => {
      calls.push(`${name} ${id}`);
      return true;
    };
  const jobs: PostgresConsumerOptions['jobs'] = {
    claim: async (_, limit) => {
      calls.push(`claim ${limit}`);
      return waiting.splice(0, limit);
    },
    complete: async (_, done) => {
      calls.push(`complete ${done.map(({ id }) => id).join('+')}`);
      return done.length;
    },
    retry: note('retry'),
    bury: note('bury'),
    handBack: note('handBack'),
    touch: async (_, held) => new Set(held.map(({ id }) => id)),
    nextDueMs: async () => undefined,
    ...overrides,
  };
  const consumer = new PostgresConsumer({
    jobs,
    queue: 'q',
    leaseMs: LEASE_MS,
    backstopMs: 5_000,
    clock,
    logger,
    concurrency,
    onDelivery,
    onStale: () => stale.push('stale'),
  });
  return { clock, logger, waiting, calls, stale, consumer };
}

test('claims no more than there are free places, and again when one is free', async () => {
  const finish: (() => void)[] = [];
  const { clock, waiting, calls, consumer } = setup(() => new Promise((resolve) => finish.push(() => resolve(ACK))));
  waiting.push(job('a'), job('b'), job('c'));
  consumer.start();
  await clock.advance(0);
  consumer.wake();
  await clock.advance(0);
  assert.deepEqual(calls, ['claim 2']);
  finish[0]!();
  await clock.advance(0);
  assert.deepEqual(calls.slice(0, 3), ['claim 2', 'complete a', 'claim 1']);
  for (const end of finish) end();
  await consumer.stop(0);
});

test('an idle consumer looks again after the backstop, or exactly when the next message is due', async () => {
  let dueMs: number | undefined;
  const { clock, calls, consumer } = setup(async () => ACK, { nextDueMs: async () => dueMs });
  consumer.start();
  await clock.advance(4_999);
  assert.equal(calls.length, 1);
  dueMs = 700;
  await clock.advance(1);
  assert.equal(calls.length, 2);
  dueMs = undefined;
  await clock.advance(701);
  assert.equal(calls.length, 3);
  await consumer.stop(0);
});

test('outcomes that became ready while one statement was under way share the next', async () => {
  const first = Promise.withResolvers<void>();
  const batches: string[] = [];
  const complete = async (_: string, done: readonly ClaimedJob[]): Promise<number> => {
    batches.push(done.map(({ id }) => id).join('+'));
    if (batches.length === 1) await first.promise;
    return done.length;
  };
  const { clock, waiting, consumer } = setup(async () => ACK, { complete }, 3);
  waiting.push(job('a'), job('b'), job('c'));
  consumer.start();
  await clock.advance(0);
  first.resolve();
  await clock.advance(0);
  assert.deepEqual(batches, ['a', 'b+c']);
  await consumer.stop(0);
});

test('a handler whose lease passed on is told to stop, and its outcome is refused without asking', async () => {
  const { clock, waiting, calls, stale, consumer } = setup(
    ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(ACK))),
    { touch: async () => new Set() },
  );
  waiting.push(job('a'));
  consumer.start();
  await clock.advance(LEASE_MS / 3);
  assert.deepEqual(stale, ['stale']);
  assert.equal(calls.includes('complete a'), false);
  await consumer.stop(0);
});

test('while the database is away an outcome is kept for one lease, then given up with a log line', async () => {
  let tries = 0;
  const complete = (): Promise<number> => {
    tries += 1;
    return Promise.reject(new Error('away'));
  };
  const { clock, waiting, logger, consumer } = setup(async () => ACK, { complete });
  waiting.push(job('a'));
  consumer.start();
  await clock.advance(LEASE_MS - 1);
  assert.ok(tries > 10, `${tries} tries`);
  const before = tries;
  await clock.advance(2_000);
  assert.ok(tries - before <= 2);
  assert.equal(logger.entries.filter(({ level }) => level === 'error').length, 1);
  await consumer.stop(0);
});

test('a failing claim is repeated after the backstop and does not end the consumer', async () => {
  let tries = 0;
  const seen: string[] = [];
  const { clock, consumer } = setup(
    async ({ envelope }) => {
      seen.push(envelope.id);
      return ACK;
    },
    {
      claim: async () => {
        tries += 1;
        if (tries === 1) throw new Error('away');
        return tries === 2 ? [job('a')] : [];
      },
    },
  );
  consumer.start();
  await clock.advance(5_000);
  assert.deepEqual(seen, ['a']);
  await consumer.stop(0);
});

test('stop waits for the grace, aborts, and hands back what still does not end, whose late outcome is refused', async () => {
  const finish = Promise.withResolvers<Outcome>();
  let isAborted = false;
  const { clock, waiting, calls, stale, consumer } = setup(({ signal }) => {
    signal.addEventListener('abort', () => (isAborted = true));
    return finish.promise;
  });
  waiting.push(job('deaf'));
  consumer.start();
  await clock.advance(0);
  const stopped = consumer.stop(2_000);
  await clock.advance(1_999);
  assert.equal(isAborted, false);
  await clock.advance(1);
  assert.equal(isAborted, true);
  await clock.advance(1_000);
  await stopped;
  assert.equal(calls.at(-1), 'handBack deaf');
  waiting.push(job('late'));
  consumer.wake();
  finish.resolve(ACK);
  await clock.advance(10_000);
  assert.deepEqual([calls.at(-1), stale], ['handBack deaf', ['stale']]);
});

test('stop before start and twice are fine', async () => {
  const { consumer } = setup(async () => ACK);
  await consumer.stop(0);
  await consumer.stop(0);
});
