import assert from 'node:assert/strict';
import { currentContext, formatTraceparent, isNoaError, newTrace, runWithContext, systemRandom } from '@noa/core';
import { waitFor } from '@noa/testing';
import { FEATURES, Support } from '../capabilities.ts';
import type { Envelope } from '../Envelope.ts';
import { rejectJob } from '../Handler.ts';
import { newManager, untilDepth, type NamedCase } from './conformanceKit.conformance.ts';

const QUICK = { baseMs: 1, capMs: 5 };

/** Work queues: delivery, retry, dead letters, competition, drain. */
export const WORK_CASES: readonly NamedCase[] = [
  {
    name: 'a message reaches one handler as it was sent, and is gone when the handler returns',
    run: async ({ manager, queue, work }) => {
      const seen: Envelope[] = [];
      await manager.declare({ name: queue });
      const data = { text: 'žluťoučký 🐎 \u2028', list: [1, null, { deep: true }] };
      const { id } = await manager.send(queue, data, { type: 'greeting.sent', source: 'noa/test', subject: 'user/1', partitionkey: 'p' });
      await work(async (message) => void seen.push(message));
      await waitFor(() => seen.length === 1);
      await untilDepth(manager, queue, { ready: 0, active: 0, dead: 0 });
      const { time, traceparent: _, ...rest } = seen[0]!;
      assert.ok(Date.parse(time) > 0);
      assert.deepEqual(rest, {
        specversion: '1.0',
        id,
        source: 'noa/test',
        type: 'greeting.sent',
        subject: 'user/1',
        datacontenttype: 'application/json',
        partitionkey: 'p',
        data,
      });
    },
  },
  {
    name: 'workers of several processes share the messages, each handled once, never more at a time than asked for',
    run: async ({ manager, queue, work, another }) => {
      const other = await another();
      await manager.declare({ name: queue });
      await other.declare({ name: queue });
      const seen: number[] = [];
      let running = 0;
      let most = 0;
      const handler = async (message: Envelope<number>): Promise<void> => {
        most = Math.max(most, (running += 1));
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
        seen.push(message.data);
      };
      await work(handler, { concurrency: 3 });
      await work(handler, { concurrency: 3, manager: other });
      await Promise.all(Array.from({ length: 40 }, (_, index) => manager.send(queue, index)));
      await untilDepth(manager, queue, { ready: 0, active: 0 });
      assert.deepEqual(
        seen.toSorted((a, b) => a - b),
        Array.from({ length: 40 }, (_, index) => index),
      );
      assert.ok(most <= 6, `${most} ran at one time`);
    },
  },
  {
    name: 'a handler that throws gets the message again, as the next attempt',
    run: async ({ manager, queue, work }) => {
      const attempts: number[] = [];
      await manager.declare({ name: queue, backoff: QUICK });
      await manager.send(queue, {});
      await work(async (_, { attempt }) => {
        attempts.push(attempt);
        if (attempt < 3) throw new Error('not yet');
      });
      await waitFor(() => attempts.length === 3);
      await untilDepth(manager, queue, { ready: 0, delayed: 0, active: 0, dead: 0 });
      assert.deepEqual(attempts, [1, 2, 3]);
    },
  },
  {
    name: 'after its last attempt a message is a dead letter with payload, error, fingerprint, source and attempts',
    needs: ['deadLetter'],
    run: async ({ manager, queue, work }) => {
      await manager.declare({ name: queue, attemptsMax: 2, backoff: QUICK });
      for (const order of [17, 4_711]) await manager.send(queue, { order });
      await work(async ({ data }) => {
        throw Object.assign(new Error(`order ${(data as { order: number }).order} has no address`), { code: 'NO_ADDRESS' });
      });
      await untilDepth(manager, queue, { dead: 2, ready: 0, active: 0 });
      const { items } = await manager.deadLetters(queue);
      assert.deepEqual(
        items.map(({ envelope, failure, sourceQueue, attempts }) => [envelope.data, failure.code, failure.message, sourceQueue, attempts]).toSorted(),
        [
          [{ order: 17 }, 'NO_ADDRESS', 'order 17 has no address', queue, 2],
          [{ order: 4_711 }, 'NO_ADDRESS', 'order 4711 has no address', queue, 2],
        ],
      );
      assert.equal(new Set(items.map(({ failure }) => failure.fingerprint)).size, 1, 'failures of one kind share a fingerprint');
    },
  },
  {
    name: 'a rejected message is a dead letter after one attempt',
    needs: ['deadLetter'],
    run: async ({ manager, queue, work }) => {
      let attempts = 0;
      await manager.declare({ name: queue, attemptsMax: 10, backoff: QUICK });
      await manager.send(queue, {});
      await work(async () => {
        attempts += 1;
        rejectJob('the address does not exist');
      });
      await untilDepth(manager, queue, { dead: 1, ready: 0, active: 0 });
      const { items } = await manager.deadLetters(queue);
      assert.deepEqual([attempts, items[0]!.failure.code, items[0]!.attempts], [1, 'JOB_REJECTED', 1]);
    },
  },
  {
    name: 'without dead letters an exhausted message is dropped',
    run: async ({ manager, queue, work }) => {
      await manager.declare({ name: queue, attemptsMax: 1, deadLetter: false });
      await manager.send(queue, {});
      let attempts = 0;
      await work(async () => {
        attempts += 1;
        throw new Error('no');
      });
      await waitFor(() => attempts === 1);
      await untilDepth(manager, queue, { ready: 0, active: 0, dead: 0 });
    },
  },
  {
    name: 'a redeclared queue follows its new definition',
    run: async ({ manager, queue, work }) => {
      await Promise.all([manager.declare({ name: queue }), manager.declare({ name: queue })]);
      await manager.declare({ name: queue, attemptsMax: 1 });
      await manager.send(queue, {});
      await work(async () => {
        throw new Error('no');
      });
      await untilDepth(manager, queue, { dead: 1 });
    },
  },
  {
    name: 'what was sent outlives the process that sent it',
    run: async ({ manager, queue, another, work }) => {
      await manager.declare({ name: queue });
      await manager.send(queue, 'still here');
      await manager.stop();
      const next = await another();
      await next.declare({ name: queue });
      const seen: unknown[] = [];
      await work(async ({ data }) => void seen.push(data), { manager: next });
      await waitFor(() => seen.length === 1);
      assert.deepEqual(seen, ['still here']);
    },
  },
  {
    name: 'a draining worker claims nothing more and gives unfinished messages back with their attempt unchanged',
    run: async ({ manager, queue, another, work }) => {
      await manager.declare({ name: queue });
      const first: number[] = [];
      await work(
        (_, { attempt, signal }) => {
          first.push(attempt);
          return new Promise((__, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
        },
        { concurrency: 1 },
      );
      await manager.send(queue, 'one');
      await waitFor(() => first.length === 1);
      const sender = await another();
      await sender.declare({ name: queue });
      await sender.send(queue, 'two');
      await manager.stop({ graceMs: 10 });
      await untilDepth(sender, queue, { ready: 2, active: 0 });
      assert.deepEqual(first, [1]);
      const second: [unknown, number][] = [];
      await work(async ({ data }, { attempt }) => void second.push([data, attempt]), { manager: sender });
      await waitFor(() => second.length === 2);
      assert.deepEqual(second.toSorted(), [
        ['one', 1],
        ['two', 1],
      ]);
    },
  },
  {
    name: 'a handler that ends within the grace of the drain is acknowledged',
    run: async ({ manager, queue, another, work }) => {
      await manager.declare({ name: queue });
      let finish: () => void = () => undefined;
      const started = new Promise<void>((resolve) => {
        void work(() => {
          resolve();
          return new Promise((done) => (finish = done));
        });
      });
      await manager.send(queue, {});
      await started;
      const stopped = manager.stop({ graceMs: 5_000 });
      finish();
      await stopped;
      await untilDepth(await another(), queue, { ready: 0, active: 0, dead: 0, delayed: 0 });
    },
  },
  {
    name: 'the handler runs in the trace of the request that sent the message, one span deeper',
    run: async ({ manager, queue, work }) => {
      const trace = newTrace(systemRandom);
      const seen: (string | undefined)[] = [];
      await manager.declare({ name: queue });
      await runWithContext({ requestId: 'r', trace }, () => manager.send(queue, {}));
      await work(async (message) => {
        const inside = currentContext()!.trace;
        assert.notEqual(inside.spanId, trace.spanId);
        seen.push(message.traceparent, inside.traceId);
      });
      await waitFor(() => seen.length === 2);
      assert.deepEqual(seen, [formatTraceparent(trace), trace.traceId]);
    },
  },
  {
    name: 'a queue that asks for more than the provider has is refused when it is declared',
    run: async ({ manager, queue }) => {
      const { features } = await manager.capabilities();
      for (const feature of FEATURES) {
        const { support } = features[feature];
        for (const level of ['supported', 'native'] as const) {
          const declared = manager.declare({ name: `${queue}-${feature.toLowerCase()}`, require: { [feature]: level } });
          const isEnough = support === Support.Native || (support === Support.Emulated && level === 'supported');
          if (isEnough) await declared;
          else await assert.rejects(declared, (error) => isNoaError(error, 'QUEUE_CAPABILITY_MISSING') && error.httpStatus === 501);
        }
      }
    },
  },
  {
    name: 'an undeclared queue, a message over the limit and a provider that is not running are refused by name',
    run: async ({ manager, queue, world }) => {
      const refusedAs = (code: string, status: number) => (error: unknown) => isNoaError(error, code) && error.httpStatus === status;
      await assert.rejects(manager.send(queue, {}), refusedAs('QUEUE_NOT_FOUND', 404));
      await assert.rejects(
        manager.work(queue, async () => undefined),
        refusedAs('QUEUE_NOT_FOUND', 404),
      );
      await manager.declare({ name: queue });
      await assert.rejects(manager.send(queue, 'x'.repeat(2_000_000)), refusedAs('QUEUE_MESSAGE_TOO_LARGE', 413));
      await assert.rejects(newManager(world.open()).send(queue, {}), refusedAs('QUEUE_NOT_RUNNING', 503));
      await untilDepth(manager, queue, { ready: 0 });
    },
  },
];
