import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMetrics, isNoaError, NoaError } from '@noa/core';
import { LogRecorder, SeededRandom, SimulatedClock } from '@noa/testing';
import fc from 'fast-check';
import { FEATURES, Support, type Feature, type FeatureSupport, type QueueCapabilities } from './capabilities.ts';
import type { Envelope } from './Envelope.ts';
import type { Handler } from './Handler.ts';
import type { ConsumeOptions, Destination, Outcome, OutgoingMessage, QueueProvider } from './providers/QueueProvider.ts';
import { QueueManager } from './QueueManager.ts';
import type { QueueDefinition } from './QueueDefinition.ts';
import { describeFailure } from './QueueWorker.ts';

/** A provider that records what it is asked and delivers what the test gives it. */
class RecordingProvider implements QueueProvider {
  readonly sent: [Destination, readonly OutgoingMessage[], unknown][] = [];
  readonly order: string[] = [];
  readonly missing: ReadonlySet<Feature>;
  consumer: ConsumeOptions | undefined;

  constructor(missing: readonly Feature[] = []) {
    this.missing = new Set(missing);
  }

  async capabilities(): Promise<QueueCapabilities> {
    const levels = FEATURES.map((feature): [Feature, FeatureSupport] => [
      feature,
      { support: this.missing.has(feature) ? Support.Unsupported : Support.Native },
    ]);
    const features = Object.fromEntries(levels) as QueueCapabilities['features'];
    return { provider: 'recording', engineVersion: '0', acknowledgementSurvives: 'nothing', features };
  }

  async send(destination: Destination, messages: readonly OutgoingMessage[], options?: unknown): Promise<void> {
    this.sent.push([destination, messages, options]);
  }

  async consume(queue: string, options: ConsumeOptions): Promise<{ stop(graceMs: number): Promise<void> }> {
    this.consumer = options;
    return { stop: async (graceMs) => void this.order.push(`drain ${queue} ${graceMs}`) };
  }

  async start(): Promise<void> {
    this.order.push('start');
  }
  async stop(): Promise<void> {
    this.order.push('stop');
  }
  async declare(): Promise<void> {}
  async bind(): Promise<void> {}
  async depth(): Promise<{ ready: number; delayed: number; active: number; dead: number }> {
    return { ready: 1, delayed: 2, active: 3, dead: 4 };
  }
  async deadLetters(): Promise<{ items: [] }> {
    return { items: [] };
  }
  async redrive(): Promise<number> {
    return 0;
  }
}

async function setup(missing: readonly Feature[] = []) {
  const provider = new RecordingProvider(missing);
  const metrics = createMetrics();
  const clock = new SimulatedClock();
  const manager = new QueueManager({ provider, clock, random: new SeededRandom(7), logger: new LogRecorder(), metrics });
  await manager.start();
  return { provider, metrics, clock, manager };
}

const isInvalid = (error: unknown): boolean => isNoaError(error, 'QUEUE_DEFINITION_INVALID') && error.httpStatus === 400;

/** The outcome of one delivery to `handler`. */
async function outcomeOf(
  handler: Handler,
  attempt: number,
  definition: QueueDefinition = { name: 'q' },
  signal = new AbortController().signal,
): Promise<Outcome> {
  const { manager, provider } = await setup();
  await manager.declare(definition);
  await manager.work(definition.name, handler);
  const envelope: Envelope = {
    specversion: '1.0',
    id: 'm',
    source: 's',
    type: 't',
    time: '2026-01-01T00:00:00Z',
    datacontenttype: 'application/json',
    data: 1,
  };
  return provider.consumer!.onDelivery({ envelope, attempt, signal });
}

test('the pause before retry n is within [0, min(cap, base * 2^(n-1))]', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 98 }),
      fc.integer({ min: 1, max: 5_000 }),
      fc.integer({ min: 0, max: 60_000 }),
      async (attempt, baseMs, more) => {
        const backoff = { baseMs, capMs: baseMs + more };
        const outcome = await outcomeOf(async () => Promise.reject(new Error('x')), attempt, { name: 'q', attemptsMax: 100, backoff });
        assert.ok(outcome.kind === 'retry' && outcome.delayMs >= 0 && outcome.delayMs <= Math.min(backoff.capMs, baseMs * 2 ** (attempt - 1)));
      },
    ),
    { numRuns: 60 },
  );
});

test('the outcome follows what the handler does', async () => {
  const failing: Handler = async () => Promise.reject(new Error('x'));
  const rejecting: Handler = async () => Promise.reject(new NoaError('JOB_REJECTED', { message: 'no' }));
  assert.deepEqual(await outcomeOf(async () => undefined, 1), { kind: 'ack' });
  assert.equal((await outcomeOf(failing, 3)).kind, 'retry');
  assert.equal((await outcomeOf(failing, 4)).kind, 'dead');
  assert.equal((await outcomeOf(rejecting, 1)).kind, 'dead');
  assert.equal((await outcomeOf(failing, 4, { name: 'q' }, AbortSignal.abort())).kind, 'handBack', 'a failure after the abort is no attempt');
  assert.equal((await outcomeOf(async () => undefined, 1, { name: 'q' }, AbortSignal.abort())).kind, 'ack', 'what was done in time counts');
});

test('a use of a feature that the provider lacks is refused before anything is sent', async () => {
  const { manager, provider } = await setup([
    'delay',
    'priority',
    'deduplication',
    'transactionalEnqueue',
    'redrive',
    'publishSubscribe',
    'topicPatterns',
  ]);
  const tx = { query: async () => ({ rows: [], rowCount: 0 }), script: async () => undefined };
  const handler = async (): Promise<void> => undefined;
  const uses: readonly (() => Promise<unknown>)[] = [
    () => manager.send('q', 1, { delayMs: 1 }),
    () => manager.send('q', 1, { priority: 1 }),
    () => manager.send('q', 1, { id: 'x' }),
    () => manager.send('q', 1, { tx }),
    () => manager.publish([], { tx }),
    () => manager.redrive('q'),
    () => manager.subscribe({ subscriber: 's', topics: ['a'], handler }),
  ];
  for (const use of uses)
    await assert.rejects(use, (error) => isNoaError(error, 'QUEUE_CAPABILITY_MISSING') && error.httpStatus === 501, use.toString());
  await manager.send('q', 1);
  assert.equal(provider.sent.length, 1);
});

test('values outside their limits are refused by name', async () => {
  const { manager, provider } = await setup();
  const handler = async (): Promise<void> => undefined;
  await manager.declare({ name: 'q' });
  const uses: readonly (() => Promise<unknown>)[] = [
    () => manager.send('q', 1, { delayMs: -1 }),
    () => manager.send('q', 1, { delayMs: Number.POSITIVE_INFINITY }),
    () => manager.send('q', 1, { priority: 1_001 }),
    () => manager.send('q', 1, { id: '' }),
    () => manager.send('q', 1, { type: 'a..b' }),
    () => manager.work('q', handler, { concurrency: 0 }),
    () => manager.deadLetters('q', { limit: 501 }),
    () => manager.redrive('q', { limit: 0 }),
    () => manager.subscribe({ subscriber: 'Bad Name', topics: ['a'], handler }),
    () => manager.subscribe({ subscriber: 's'.repeat(60), topics: ['a'], handler }),
    () => manager.subscribe({ subscriber: 's', topics: [], handler }),
    () => manager.subscribe({ subscriber: 's', topics: ['a..b'], handler }),
  ];
  for (const use of uses) await assert.rejects(use, isInvalid, use.toString());
  assert.deepEqual(provider.sent, []);
});

test('stop drains every worker before it closes the provider, and twice is fine', async () => {
  const { manager, provider } = await setup();
  await manager.declare({ name: 'a' });
  await manager.work('a', async () => undefined);
  await manager.subscribe({ subscriber: 'b', topics: ['#'], handler: async () => undefined });
  await Promise.all([manager.stop({ graceMs: 7 }), manager.stop()]);
  assert.deepEqual(provider.order, ['start', 'drain a 7', 'drain sub.b 7', 'stop']);
  await assert.rejects(manager.depth('a'), (error) => isNoaError(error, 'QUEUE_NOT_RUNNING') && error.retryable);
});

test('what happens is measured under the published names', async () => {
  const { manager, provider, metrics, clock } = await setup();
  await manager.declare({ name: 'q', attemptsMax: 2 });
  await manager.send('q', 1);
  let isBad = false;
  await manager.work('q', async () => {
    await clock.sleep(0);
    if (isBad) throw new Error('x');
  });
  const envelope = provider.sent[0]![1][0]!.envelope;
  const deliver = async (attempt: number): Promise<void> => {
    const outcome = provider.consumer!.onDelivery({ envelope, attempt, signal: new AbortController().signal });
    await clock.advance(250);
    await outcome;
  };
  await deliver(1);
  isBad = true;
  await deliver(1);
  await deliver(2);
  provider.consumer!.onStale!();
  await manager.depth('q');
  const text = await metrics.render();
  for (const line of [
    'queue_messages_published_total{queue="q"} 1',
    'queue_messages_consumed_total{queue="q"} 1',
    'queue_message_retries_total{queue="q"} 1',
    'queue_messages_dead_letter_total{queue="q"} 1',
    'queue_message_stale_settlements_total{queue="q"} 1',
    'queue_message_processing_duration_seconds_count{queue="q"} 3',
    'queue_message_age_seconds_count{queue="q"} 3',
    'queue_consumers_active{queue="q"} 0',
    'queue_size{queue="q",state="dead"} 4',
  ]) {
    assert.ok(text.includes(line), `${line} in\n${text}`);
  }
});

test('failures of one kind share a fingerprint whatever numbers, ids and names they mention', () => {
  const print = (text: string): string => describeFailure(new Error(text)).fingerprint;
  assert.equal(print('order 17 of "ada" not found'), print('order 4711 of "bob" not found'));
  assert.equal(print('user 018f2d1e-aaaa-7bbb-8ccc-0123456789ab gone'), print('user 018f2d1e-bbbb-7bbb-8ccc-0123456789ab gone'));
  assert.notEqual(print('order 17 not found'), print('order 17 not paid'));
  assert.deepEqual({ ...describeFailure('just text'), fingerprint: '' }, { code: 'UNKNOWN', message: 'just text', fingerprint: '' });
  assert.equal(describeFailure(new Error('x'.repeat(5_000))).message.length, 1_000);
});
