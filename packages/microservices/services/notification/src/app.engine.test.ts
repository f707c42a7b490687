import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { CallerCheck, createServiceApp, Health, TokenVerifier, type ServiceHost } from '@noa/communication';
import { createMetrics, loadConfig, StopStack, systemClock, systemRandom } from '@noa/core';
import { createEnvelope, createQueueProvider, QueueManager } from '@noa/message-queue';
import { createTestDatabase, LogRecorder, waitFor, type TestDatabase } from '@noa/testing';
import { createNotification } from './app.ts';
import { notificationFields, type NotificationConfig } from './config.ts';
import { SinkStore } from './store/SinkStore.ts';

const ISSUER = 'https://noa.example';
const USER = '018f0000-0000-7000-8000-000000000001';

let db: TestDatabase;
let queue: QueueManager;
const stops = new StopStack();
const common = { clock: systemClock, random: systemRandom, logger: new LogRecorder(), metrics: createMetrics() };

before(async () => {
  db = await createTestDatabase({ name: 'notifyapp' });
  queue = new QueueManager({ provider: await createQueueProvider(db.url, common), ...common });
  await queue.start();
  const health = new Health(common);
  const app = await createServiceApp({ name: 'notification', version: '0.0.0', about: 'test', publicURL: ISSUER, health, ...common });
  const tokens = new TokenVerifier({ jwks: () => Promise.reject(new Error('not used')), issuer: ISSUER, ...common });
  const host = {
    name: 'notification',
    config: loadConfig(notificationFields, {}),
    settings: { publicURL: ISSUER } as ServiceHost['settings'],
    ...common,
    app,
    control: db.database,
    shards: () => Promise.reject(new Error('notification has no shards')),
    queue: async () => queue,
    client: () => Promise.reject(new Error('notification calls nobody')),
    tokens,
    callers: new CallerCheck(tokens),
    stops,
    addReadiness: (name: string, check: () => Promise<void>) => health.add(name, check),
  } satisfies ServiceHost<NotificationConfig>;
  await createNotification(host);
});
after(async () => {
  await stops.stop();
  await queue.stop();
  await db.drop();
});

function registered(data: object, id?: string) {
  return createEnvelope({ type: 'user.registered', source: 'noa/user', data, ...(id === undefined ? {} : { id }), ...common });
}

describe('the event user.registered', () => {
  const data = { userId: USER, email: 'ada@noa.example', displayName: 'Ada <b>', locale: 'de' };

  it('becomes one welcome mail in the user’s language, however often it comes', async () => {
    const sink = new SinkStore(db.database);
    await queue.publish(registered(data));
    await waitFor(async () => (await sink.list(10)).length > 0);
    await queue.publish([registered(data), registered(data)]);
    await waitFor(async () => {
      const { ready, active, delayed } = await queue.depth('sub.notification');
      return ready + active + delayed === 0;
    });
    const { rows } = await db.database.query('SELECT key, state FROM notification.messages');
    assert.deepEqual(rows, [{ key: `welcome:${USER}`, state: 'sent' }]);
    const mails = await sink.list(10, 'ada@noa.example');
    assert.deepEqual(
      mails.map((mail) => mail.subject),
      ['Willkommen, Ada <b>'],
    );
    assert.match(mails[0]!.html!, /Ada &lt;b&gt;/);
  });

  it('goes to the dead letters at once when it is not of its schema', async () => {
    await queue.publish(registered({ userId: USER }));
    await waitFor(async () => (await queue.depth('sub.notification')).dead === 1);
    const { rows } = await db.database.query('SELECT 1 FROM notification.messages');
    assert.equal(rows.length, 1);
  });
});
