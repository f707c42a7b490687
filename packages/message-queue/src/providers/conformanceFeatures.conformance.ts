import assert from 'node:assert/strict';
import { isNoaError, systemClock } from '@noa/core';
import { waitFor } from '@noa/testing';
import { rejectJob } from '../Handler.ts';
import type { QueueManager } from '../QueueManager.ts';
import { untilDepth, type ConformanceCase, type NamedCase } from './conformanceKit.conformance.ts';

/** Fills the dead letters of the case's queue. */
async function bury({ manager, queue, work }: ConformanceCase, payloads: readonly unknown[]): Promise<void> {
  await manager.declare({ name: queue });
  for (const payload of payloads) await manager.send(queue, payload);
  const worker = await work(async () => rejectJob('for the test'), { concurrency: 1 });
  await untilDepth(manager, queue, { dead: payloads.length, ready: 0, active: 0 });
  await worker.stop();
}

async function drain(kit: ConformanceCase, queue: string, count: number, manager: QueueManager = kit.manager): Promise<unknown[]> {
  const seen: unknown[] = [];
  const worker = await kit.work(async ({ data }) => void seen.push(data), { queue, manager });
  await waitFor(() => seen.length >= count, { message: `${count} messages of ${queue}` });
  await worker.stop();
  return seen.toSorted();
}

/** What engines differ in: delay, priority, de-duplication, redrive, transactions. */
export const FEATURE_CASES: readonly NamedCase[] = [
  {
    name: 'a delayed message waits its time, counted as delayed, and not much longer',
    needs: ['delay'],
    run: async ({ manager, queue, work }) => {
      const delayMs = 400;
      const seen: number[] = [];
      await manager.declare({ name: queue });
      await work(async () => void seen.push(systemClock.monotonicMs()));
      const sentMs = systemClock.monotonicMs();
      await manager.send(queue, {}, { delayMs });
      assert.equal((await manager.depth(queue)).delayed, 1);
      await waitFor(() => seen.length === 1);
      assert.ok(seen[0]! - sentMs >= delayMs, `started after ${seen[0]! - sentMs} ms`);
    },
  },
  {
    name: 'higher priority goes first, equals in the order of sending',
    needs: ['priority'],
    run: async ({ manager, queue, work }) => {
      await manager.declare({ name: queue });
      for (const [data, priority] of [
        ['low', 1],
        ['normal', 5],
        ['normal too', 5],
        ['urgent', 15],
      ] as const)
        await manager.send(queue, data, { priority });
      const seen: unknown[] = [];
      await work(async ({ data }) => void seen.push(data), { concurrency: 1 });
      await waitFor(() => seen.length === 4);
      assert.deepEqual(seen, ['urgent', 'normal', 'normal too', 'low']);
    },
  },
  {
    name: 'one id is one message, sent twice, at once, or again after it was handled',
    needs: ['deduplication'],
    run: async (kit) => {
      const { manager, queue } = kit;
      await manager.declare({ name: queue });
      await Promise.all([1, 2, 3].map((data) => manager.send(queue, data, { id: 'welcome:ada@example.com' })));
      await untilDepth(manager, queue, { ready: 1 });
      await drain(kit, queue, 1);
      await manager.send(queue, 4, { id: 'welcome:ada@example.com' });
      await manager.send(queue, 'other', { id: 'welcome:bob@example.com' });
      assert.deepEqual(await drain(kit, queue, 1), ['other']);
      await untilDepth(manager, queue, { ready: 0, active: 0 });
    },
  },
  {
    name: 'redrive brings dead letters back to their queue as first attempts, and two at once move each exactly once',
    needs: ['redrive'],
    run: async (kit) => {
      const { manager, queue, another } = kit;
      await bury(kit, ['a', 'b', 'c']);
      const other = await another();
      const moved = await Promise.all([manager.redrive(queue), other.redrive(queue)]);
      assert.equal(moved[0].moved + moved[1].moved, 3);
      await untilDepth(manager, queue, { ready: 3, dead: 0 });
      assert.deepEqual(await drain(kit, queue, 3), ['a', 'b', 'c']);
      assert.deepEqual(await manager.redrive(queue), { moved: 0 });
    },
  },
  {
    name: 'redrive takes chosen dead letters to another queue, and refuses one that is not declared',
    needs: ['redrive'],
    run: async (kit) => {
      const { manager, queue } = kit;
      await bury(kit, ['a', 'b']);
      const { items } = await manager.deadLetters(queue);
      const chosen = items.find(({ envelope }) => envelope.data === 'b')!;
      await assert.rejects(manager.redrive(queue, { to: `${queue}-nowhere` }), (error) => isNoaError(error, 'QUEUE_NOT_FOUND'));
      await manager.declare({ name: `${queue}-repair` });
      assert.deepEqual(await manager.redrive(queue, { ids: [chosen.id], to: `${queue}-repair` }), { moved: 1 });
      assert.deepEqual(await drain(kit, `${queue}-repair`, 1), ['b']);
      await untilDepth(manager, queue, { dead: 1, ready: 0 });
    },
  },
  {
    name: 'a redriven message that fails again is a dead letter again',
    needs: ['redrive'],
    run: async (kit) => {
      const { manager, queue, work } = kit;
      await bury(kit, ['a']);
      await manager.redrive(queue);
      const worker = await work(async () => rejectJob('still'));
      await untilDepth(manager, queue, { dead: 1, ready: 0, active: 0 });
      await worker.stop();
      assert.equal((await manager.deadLetters(queue)).items[0]!.failure.message, 'still');
    },
  },
  {
    name: 'dead letters are read page by page, each once, oldest first; a foreign cursor is refused',
    needs: ['deadLetter'],
    run: async (kit) => {
      const { manager, queue } = kit;
      await bury(kit, [0, 1, 2, 3, 4]);
      const seen: unknown[] = [];
      let cursor: string | undefined;
      do {
        const page = await manager.deadLetters(queue, { limit: 2, ...(cursor === undefined ? {} : { cursor }) });
        assert.ok(page.items.length <= 2);
        seen.push(...page.items.map(({ envelope }) => envelope.data));
        cursor = page.cursor;
      } while (cursor !== undefined);
      assert.deepEqual(seen, [0, 1, 2, 3, 4]);
      await assert.rejects(
        manager.deadLetters(queue, { cursor: 'x' }),
        (error) => isNoaError(error, 'QUEUE_DEFINITION_INVALID') && error.httpStatus === 400,
      );
    },
  },
  {
    name: 'a message sent in a transaction runs when it commits, and never when it does not',
    needs: ['transactionalEnqueue'],
    run: async (kit) => {
      const { manager, queue, work, world } = kit;
      await manager.declare({ name: queue });
      const seen: unknown[] = [];
      await work(async ({ data }) => void seen.push(data));
      const database = world.database!;
      await assert.rejects(
        database.transaction(async (tx) => {
          await manager.send(queue, 'rolled back', { tx });
          throw new Error('changed my mind');
        }),
      );
      await database.transaction(async (tx) => {
        await manager.send(queue, 'committed', { tx });
        await manager.send(queue, 'committed, delayed', { tx, delayMs: 50 });
        assert.deepEqual(seen, [], 'nothing runs before the commit');
      });
      await waitFor(() => seen.length >= 2);
      await manager.send(queue, 'last');
      await waitFor(() => seen.length >= 3);
      assert.deepEqual(seen, ['committed', 'committed, delayed', 'last']);
    },
  },
];
