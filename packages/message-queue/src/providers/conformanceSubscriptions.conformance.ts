import assert from 'node:assert/strict';
import { systemClock, systemRandom } from '@noa/core';
import { waitFor } from '@noa/testing';
import { createEnvelope } from '../createEnvelope.ts';
import type { Envelope } from '../Envelope.ts';
import { untilDepth, type NamedCase } from './conformanceKit.conformance.ts';

function event(type: string, data: unknown = {}): Envelope {
  return createEnvelope({ type, source: 'noa/test', data, clock: systemClock, random: systemRandom });
}

/** Publish and subscribe. Event types carry the case's queue name, for all cases share one engine. */
export const SUBSCRIPTION_CASES: readonly NamedCase[] = [
  {
    name: 'every subscriber gets every event, the instances of one share them',
    needs: ['publishSubscribe'],
    run: async ({ manager, queue, another }) => {
      const other = await another();
      const mail: unknown[] = [];
      const audit: unknown[] = [];
      const topics = [`${queue}.registered`];
      await manager.subscribe({ subscriber: `${queue}-mail`, topics, handler: async ({ data }) => void mail.push(data) });
      await other.subscribe({ subscriber: `${queue}-mail`, topics, handler: async ({ data }) => void mail.push(data) });
      await other.subscribe({ subscriber: `${queue}-audit`, topics, handler: async ({ data }) => void audit.push(data) });
      await manager.publish(Array.from({ length: 10 }, (_, index) => event(`${queue}.registered`, index)));
      await manager.publish(event(`${queue}.removed`));
      const expected = Array.from({ length: 10 }, (_, index) => index);
      await waitFor(() => mail.length >= 10 && audit.length >= 10);
      for (const subscriber of ['mail', 'audit']) await untilDepth(manager, `sub.${queue}-${subscriber}`, { ready: 0, active: 0 });
      const inOrder = (list: unknown[]): unknown[] => list.toSorted((a, b) => Number(a) - Number(b));
      assert.deepEqual(inOrder(mail), expected);
      assert.deepEqual(inOrder(audit), expected);
    },
  },
  {
    name: 'patterns choose events, and an event that matches two patterns of a subscriber comes once',
    needs: ['publishSubscribe', 'topicPatterns'],
    run: async ({ manager, queue }) => {
      const one: string[] = [];
      const many: string[] = [];
      const note = (list: string[]) => async (message: Envelope) => void list.push(message.type.slice(queue.length + 1));
      await manager.subscribe({ subscriber: `${queue}-one`, topics: [`${queue}.user.*`, `${queue}.user.left`], handler: note(one) });
      await manager.subscribe({ subscriber: `${queue}-many`, topics: [`${queue}.#`], handler: note(many) });
      const types = ['user.left', 'user.mail.sent', 'user', 'job.done'];
      await manager.publish(types.map((type) => event(`${queue}.${type}`)));
      await waitFor(() => many.length >= 4 && one.length >= 1);
      await untilDepth(manager, `sub.${queue}-one`, { ready: 0, active: 0 });
      assert.deepEqual(one, ['user.left']);
      assert.deepEqual(many.toSorted(), types.toSorted());
    },
  },
  {
    name: 'events wait for a subscriber that is away, and topics it gave up no longer reach it',
    needs: ['publishSubscribe'],
    run: async ({ manager, queue, another }) => {
      const seen: unknown[] = [];
      const handler = async ({ data }: Envelope): Promise<void> => void seen.push(data);
      const first = await another();
      await first.subscribe({ subscriber: queue, topics: [`${queue}.old`, `${queue}.kept`], handler });
      await first.stop();
      await manager.publish([event(`${queue}.kept`, 1), event(`${queue}.old`, 2)]);
      await manager.subscribe({ subscriber: queue, topics: [`${queue}.kept`], handler });
      await waitFor(() => seen.length === 2);
      await manager.publish([event(`${queue}.old`, 3), event(`${queue}.kept`, 4)]);
      await waitFor(() => seen.length >= 3);
      assert.deepEqual(seen.toSorted(), [1, 2, 4]);
    },
  },
  {
    name: 'one subscriber failing does not touch the others, and its dead letters are its own',
    needs: ['publishSubscribe', 'deadLetter'],
    run: async ({ manager, queue }) => {
      const good: unknown[] = [];
      const topics = [`${queue}.happened`];
      await manager.subscribe({ subscriber: `${queue}-good`, topics, handler: async ({ data }) => void good.push(data) });
      const failing = async (): Promise<void> => {
        throw new Error('broken');
      };
      await manager.subscribe({ subscriber: `${queue}-bad`, topics, attemptsMax: 1, handler: failing });
      await manager.publish(event(`${queue}.happened`, 'x'));
      await untilDepth(manager, `sub.${queue}-bad`, { dead: 1, ready: 0, active: 0 });
      await waitFor(() => good.length === 1);
      await untilDepth(manager, `sub.${queue}-good`, { dead: 0, ready: 0, active: 0 });
    },
  },
  {
    name: 'an event published twice under one id is one message to each subscriber',
    needs: ['publishSubscribe', 'deduplication'],
    run: async ({ manager, queue }) => {
      const seen: unknown[] = [];
      await manager.subscribe({ subscriber: queue, topics: [`${queue}.happened`], handler: async ({ data }) => void seen.push(data) });
      const same = event(`${queue}.happened`, 'x');
      await manager.publish([same, same]);
      await manager.publish(same);
      await manager.publish(event(`${queue}.happened`, 'last'));
      await waitFor(() => seen.includes('last'));
      await untilDepth(manager, `sub.${queue}`, { ready: 0, active: 0 });
      assert.deepEqual(seen.toSorted(), ['last', 'x']);
    },
  },
  {
    name: 'an event published in a transaction reaches all subscribers or, rolled back, none',
    needs: ['publishSubscribe', 'transactionalEnqueue'],
    run: async ({ manager, queue, world }) => {
      const seen: string[] = [];
      for (const name of ['a', 'b']) {
        await manager.subscribe({
          subscriber: `${queue}-${name}`,
          topics: [`${queue}.happened`],
          handler: async ({ data }) => void seen.push(`${name} ${data as string}`),
        });
      }
      const database = world.database!;
      await assert.rejects(
        database.transaction(async (tx) => {
          await manager.publish(event(`${queue}.happened`, 'no'), { tx });
          throw new Error('changed my mind');
        }),
      );
      await database.transaction((tx) => manager.publish(event(`${queue}.happened`, 'yes'), { tx }));
      await waitFor(() => seen.length >= 2);
      assert.deepEqual(seen.toSorted(), ['a yes', 'b yes']);
    },
  },
];
