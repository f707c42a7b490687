import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { CallerCheck, createServiceApp, Health, TokenVerifier, type ServiceHost } from '@noa/communication';
import { createMetrics, StopStack, systemClock, systemRandom } from '@noa/core';
import { ShardManager } from '@noa/database-sharding';
import type { Envelope } from '@noa/message-queue';
import { createTestDatabase, LogRecorder, waitFor, type TestDatabase } from '@noa/testing';
import { createUser } from './app.ts';

const ISSUER = 'https://noa.example';

let databases: TestDatabase[];
let app: ServiceHost['app'];
let health: Health;
const stops = new StopStack();
const published: Envelope[] = [];
let isQueueAway = true;

before(async () => {
  databases = await Promise.all(['control', '0', '1'].map((name) => createTestDatabase({ name: `userapp_${name}` })));
  const [control, ...shardDatabases] = databases.map(({ database }) => database);
  const common = { clock: systemClock, random: systemRandom, logger: new LogRecorder(), metrics: createMetrics() };
  health = new Health(common);
  app = await createServiceApp({ name: 'user', version: '0.0.0', about: 'test', publicURL: ISSUER, health, ...common });
  const claims = { sub: 'service:auth', roles: ['service'], aud: 'noa-internal' };
  const tokens = new TokenVerifier({ jwks: () => Promise.reject(new Error('not used')), issuer: ISSUER, ...common });
  const shards = new ShardManager({
    control: control!,
    shards: shardDatabases.map((database, index) => ({ id: `shard-${index}`, database })),
    keyspace: 'users',
    keyType: 'uuid',
    ...common,
  });
  await shards.start();
  stops.use(shards);
  await createUser({
    name: 'user',
    config: {},
    settings: { publicURL: ISSUER } as ServiceHost['settings'],
    ...common,
    app,
    control: control!,
    shards: async () => shards,
    queue: async () =>
      ({
        publish: async (events: readonly Envelope[]) => {
          if (isQueueAway) throw new Error('the queue is away');
          published.push(...events);
        },
      }) as never,
    client: () => Promise.reject(new Error('user calls nobody')),
    tokens,
    callers: new CallerCheck({ verify: async () => claims } as never),
    stops,
    addReadiness: (name, check) => health.add(name, check),
  });
  await app.ready();
  health.serve();
});
after(async () => {
  await app.close();
  await stops.stop();
  for (const database of databases) await database.drop();
});

describe('the user service', () => {
  it('answers while the queue is away, and publishes what happened once it is back', async () => {
    const ids: string[] = [];
    for (let index = 0; index < 12; index += 1) {
      const payload = { email: `person-${index}@noa.example`, displayName: 'Ada' };
      const answer = await app.inject({ method: 'POST', url: '/api/users', headers: { authorization: 'Bearer x' }, payload });
      assert.equal(answer.statusCode, 201, answer.body);
      ids.push((answer.json() as { id: string }).id);
    }
    assert.equal(published.length, 0);
    isQueueAway = false;
    await waitFor(() => published.length >= ids.length);
    const registered = new Map(published.map((event) => [event.subject, event]));
    assert.deepEqual([...registered.keys()].toSorted(), ids.toSorted());
    assert.deepEqual(registered.get(ids[0])!.data, { userId: ids[0], email: 'person-0@noa.example', displayName: 'Ada', locale: 'en' });
    const ready = await app.inject({ method: 'GET', url: '/health/ready' });
    assert.equal(ready.statusCode, 200, ready.body);
  });
});
