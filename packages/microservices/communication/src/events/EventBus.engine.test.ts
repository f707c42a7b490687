import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createMetrics, silentLogger as logger, systemClock as clock, systemRandom as random } from '@noa/core';
import { createQueueProvider, QueueManager, type Envelope } from '@noa/message-queue';
import { createTestDatabase, waitFor, type TestDatabase } from '@noa/testing';
import { Type } from 'typebox';
import { EventBus } from './EventBus.ts';

const RegisteredSchema = Type.Object({ userId: Type.String(), age: Type.Integer({ minimum: 0 }) });
const DeletedSchema = Type.Object({ userId: Type.String() });

let db: TestDatabase;
let queue: QueueManager;
let bus: EventBus;

before(async () => {
  db = await createTestDatabase({ name: 'events' });
  queue = new QueueManager({
    provider: await createQueueProvider(db.url, { clock, random, logger }),
    clock,
    random,
    logger,
    metrics: createMetrics(),
  });
  await queue.start();
  bus = new EventBus({ queue, source: 'noa/test', clock, random });
});

after(async () => {
  await queue.stop();
  await db.drop();
});

test('an event reaches the handler of its type, of each subscriber, as it was published', async () => {
  const heard: [string, Envelope<unknown>][] = [];
  const subscriptions = [
    await bus.subscribe('first', {
      'one.registered': {
        schema: RegisteredSchema,
        handle: async (event) => void heard.push([`first ${event.data.userId} ${event.data.age}`, event]),
      },
      'one.deleted': { schema: DeletedSchema, handle: async (event) => void heard.push([`first gone ${event.data.userId}`, event]) },
    }),
    await bus.subscribe('second', {
      'one.deleted': { schema: DeletedSchema, handle: async (event) => void heard.push([`second gone ${event.data.userId}`, event]) },
    }),
  ];
  const registered = await bus.publish('one.registered', { userId: 'u1', age: 7 }, { subject: 'u1', partitionkey: 'u1' });
  await bus.publish('one.deleted', { userId: 'u1' });
  await bus.publish('one.unheard', {});
  await waitFor(() => heard.length === 3);
  assert.deepEqual(heard.map(([what]) => what).toSorted(), ['first gone u1', 'first u1 7', 'second gone u1']);
  assert.deepEqual(heard.find(([what]) => what === 'first u1 7')![1], registered);
  assert.deepEqual([registered.type, registered.source, registered.subject, registered.partitionkey], ['one.registered', 'noa/test', 'u1', 'u1']);
  for (const subscription of subscriptions) await subscription.stop();
});

test('an event that is not of its schema is a dead letter at once, says where, and does not repeat what it held', async () => {
  let handled = 0;
  const subscription = await bus.subscribe('strict', {
    'two.registered': { schema: RegisteredSchema, handle: async () => void (handled += 1) },
  });
  await bus.publish('two.registered', { userId: 'secret-user', age: -1 });
  await bus.publish('two.registered', { userId: 'u2', age: 1 });
  await waitFor(() => handled === 1);
  const dead = await waitFor(async () => {
    const { items } = await queue.deadLetters('sub.strict');
    return items.length === 1 && items[0];
  });
  assert.equal(dead.failure.code, 'JOB_REJECTED');
  assert.equal(dead.attempts, 1);
  assert.match(dead.failure.message, /two\.registered is not of its schema at \/age/);
  assert.doesNotMatch(dead.failure.message, /secret-user/);
  await subscription.stop();
  assert.equal(handled, 1);
});

test('a handler that fails gets the event again', async () => {
  const attempts: number[] = [];
  const subscription = await bus.subscribe(
    'stubborn',
    {
      'three.registered': {
        schema: RegisteredSchema,
        handle: async (_, { attempt }) => {
          attempts.push(attempt);
          if (attempt < 3) throw new Error('not yet');
        },
      },
    },
    { attemptsMax: 3, backoff: { baseMs: 1, capMs: 1 } },
  );
  await bus.publish('three.registered', { userId: 'u', age: 1 });
  await waitFor(() => attempts.length === 3);
  assert.deepEqual(attempts, [1, 2, 3]);
  await subscription.stop();
});

test('with a transaction the event goes out if, and only if, that commits', async () => {
  const heard: string[] = [];
  const subscription = await bus.subscribe('careful', {
    'four.deleted': { schema: DeletedSchema, handle: async (event) => void heard.push(event.data.userId) },
  });
  const failure = new Error('rolled back');
  await assert.rejects(
    db.database.transaction(async (tx) => {
      await bus.publish('four.deleted', { userId: 'never' }, { tx });
      throw failure;
    }),
    failure,
  );
  await db.database.transaction(async (tx) => void (await bus.publish('four.deleted', { userId: 'committed' }, { tx })));
  await waitFor(() => heard.length > 0);
  assert.deepEqual(heard, ['committed']);
  await subscription.stop();
});

test('what a subscriber no longer handles, and was still waiting for it, is a dead letter', async () => {
  const old = await bus.subscribe('updated', { 'five.deleted': { schema: DeletedSchema, handle: async () => undefined } });
  await old.stop();
  await bus.publish('five.deleted', { userId: 'u' });
  const current = await bus.subscribe('updated', { 'five.registered': { schema: RegisteredSchema, handle: async () => undefined } });
  const { items } = await waitFor(async () => {
    const page = await queue.deadLetters('sub.updated');
    return page.items.length === 1 && page;
  });
  assert.match(items[0]!.failure.message, /updated does not handle five\.deleted/);
  await current.stop();
});

test('a malformed type is refused', async () => {
  await assert.rejects(bus.publish('no spaces', {}), { code: 'QUEUE_DEFINITION_INVALID', httpStatus: 400 });
});
