import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { CallerCheck, createServiceApp, Health, type ServiceHost } from '@noa/communication';
import { connectDatabase, createMetrics, StopStack, systemClock, systemRandom, uuidv7, type Database } from '@noa/core';
import { ShardManager } from '@noa/database-sharding';
import { createTestDatabase, LogRecorder, TCPFaultProxy, waitFor, type TestDatabase } from '@noa/testing';
import { createUser } from './app.ts';

let databases: TestDatabase[];
let proxy: TCPFaultProxy;
let farURL: string;

before(async () => {
  databases = await Promise.all(['control', 'near', 'far'].map((name) => createTestDatabase({ name: `away_${name}` })));
  const url = new URL(databases[2]!.url);
  proxy = new TCPFaultProxy({ target: { host: url.hostname, port: Number(url.port) } });
  const { host, port } = await proxy.start();
  url.host = `${host}:${port}`;
  farURL = url.href;
});
after(async () => {
  await proxy.stop();
  for (const database of databases) await database.drop();
});

/** The service as a process of its own would wire it; shard `far` is behind the proxy. */
async function start() {
  const stops = new StopStack();
  const common = { clock: systemClock, random: systemRandom, logger: new LogRecorder(), metrics: createMetrics() };
  const far: Database = stops.use(connectDatabase({ url: farURL, logger: common.logger, clock: systemClock, connectTimeoutMs: 500 }));
  const near = databases[1]!.database;
  const control = databases[0]!.database;
  const shards = [
    { id: 'near', database: near },
    { id: 'far', database: far },
  ];
  const manager = stops.use(new ShardManager({ control, shards, keyspace: 'users', keyType: 'uuid', ...common }));
  await manager.start();
  const health = new Health(common);
  const app = await createServiceApp({ name: 'user', version: '0.0.0', about: 'test', publicURL: 'https://noa.example', health, ...common });
  const claims = { sub: 'service:auth', roles: ['service'], aud: 'noa-internal' };
  const callers = new CallerCheck({ verify: async () => claims } as never);
  const host: Partial<ServiceHost> = {
    settings: { publicURL: 'https://noa.example' } as ServiceHost['settings'],
    ...common,
    app,
    control,
    callers,
    stops,
    shards: async () => manager,
    queue: async () => ({ publish: async () => undefined }) as never,
    addReadiness: (name, check) => health.add(name, check),
  };
  await createUser(host as ServiceHost);
  await app.ready();
  health.serve();
  const idOn = (shardId: string): string => {
    for (;;) {
      const id = uuidv7(systemClock, systemRandom);
      if (manager.router.locate(id).shardId === shardId) return id;
    }
  };
  const create = async (shardId: string, email: string, id = idOn(shardId)) => {
    const payload = { id, email, displayName: 'Ada' };
    const answer = await app.inject({ method: 'POST', url: '/api/users', headers: { authorization: 'Bearer x' }, payload });
    return { id, status: answer.statusCode, body: answer.json() as Record<string, unknown>, retryAfter: answer.headers['retry-after'] };
  };
  const isReady = async (): Promise<boolean> => (await app.inject('/health/ready')).statusCode === 200;
  const stop = async (): Promise<void> => {
    await app.close();
    await stops.stop();
  };
  return { create, isReady, stop };
}

describe('the user service while one shard is away', () => {
  it('starts, is ready, serves the users of the other shard, and takes up the first again by itself', async () => {
    const first = await start();
    assert.equal((await first.create('far', 'before@noa.example')).status, 201);
    await first.stop();

    proxy.cut();
    const second = await start();
    try {
      assert.equal(await second.isReady(), true);
      assert.equal((await second.create('near', 'near@noa.example')).status, 201);
      const refused = await second.create('far', 'far@noa.example');
      assert.deepEqual([refused.status, refused.body['retryable'], refused.retryAfter], [503, true, '1']);

      proxy.restore();
      const created = await waitFor(async () => {
        const answer = await second.create('far', 'far@noa.example', refused.id);
        return answer.status === 503 ? undefined : answer;
      });
      assert.equal(created.status, 201, 'the claim of the refused request was kept for the same id');
    } finally {
      await second.stop();
    }
  });
});
