import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { loadConfig, NoaError, silentLogger as logger, systemClock as clock, systemRandom as random, type ConfigFields } from '@noa/core';
import type { RouteDeclaration } from '@noa/contracts';
import type { Instance } from '@noa/service-registry';
import { createTestDatabase, waitFor, type TestDatabase } from '@noa/testing';
import { Type } from 'typebox';
import { Engines } from './Engines.ts';
import { defineService, type ServiceDefinition, type ServiceHost } from './ServiceDefinition.ts';
import { sharedFields } from './settings.ts';
import { startService } from './startService.ts';

const ROUTES: RouteDeclaration[] = [{ id: 'sample', path: '/api/sample', methods: ['GET'], service: 'sample', auth: 'none' }];

let db: TestDatabase;
before(async () => {
  db = await createTestDatabase({ name: 'startservice' });
});
after(() => db.drop());

function sample(create: (host: ServiceHost) => Promise<void>, config: ConfigFields = {}): ServiceDefinition {
  return defineService({ name: 'sample', version: '1.2.3', portDefault: 4_999, about: 'A sample.', config, routes: ROUTES, create });
}

const addRoute = async ({ app }: ServiceHost): Promise<void> => void app.get('/api/sample', async () => ({ ok: true }));

function env(extra: Record<string, string> = {}): Record<string, string> {
  return { NOA_DATABASE_URL: db.url, NOA_PORT: '0', ...extra };
}

async function registered(): Promise<(Instance & { leaseMs: number })[]> {
  const { rows } = await db.database.query<{ document: Instance; lease: number }>(
    'SELECT document, extract(epoch FROM lease)::float8 * 1000 AS lease FROM noa_registry.instances',
  );
  return rows.map(({ document, lease }) => ({ ...document, leaseMs: lease }));
}

/** Connections of this database that are not the test's own. */
async function connections(): Promise<number> {
  const { rows } = await db.database.query<{ count: number }>(
    `SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND application_name <> 'noa-test' AND pid <> pg_backend_pid()`,
  );
  return rows[0]!.count;
}

test('registers once it answers, with its address, routes and the lease of the settings; leaves and closes at the stop', async () => {
  const settings = { NOA_REGISTRY_LEASE_MS: '12000', NOA_INSTANCE_ID: '7', NOA_ZONE: 'z1', NOA_ADVERTISE_HOST: 'localhost' };
  const running = await startService(sample(addRoute), env(settings), { logger });
  const [instance] = await registered();
  assert.deepEqual(instance, {
    id: 'sample-7',
    service: 'sample',
    host: 'localhost',
    port: running.port,
    version: '1.2.3',
    weight: 100,
    zone: 'z1',
    status: 'passing',
    metadata: { protocol: 'http' },
    routes: ROUTES,
    leaseMs: 12_000,
  });
  const url = `http://127.0.0.1:${running.port}`;
  assert.deepEqual(await (await fetch(`${url}/api/sample`)).json(), { ok: true });
  assert.equal((await fetch(`${url}/health/ready`)).status, 200);
  await Promise.all([running.stop(), running.stop()]);
  assert.deepEqual(await registered(), []);
  await assert.rejects(fetch(`${url}/api/sample`));
  await waitFor(async () => (await connections()) === 0);
});

test('a stop lets requests in progress end within the drain time, and cuts what takes longer', async () => {
  const gate = Promise.withResolvers<void>();
  let begun = 0;
  const definition = sample(async ({ app }) => {
    app.get('/api/slow', async () => {
      begun += 1;
      await gate.promise;
      return { ok: true };
    });
    app.get('/api/endless', async () => {
      begun += 1;
      await new Promise(() => undefined);
    });
  });
  const running = await startService(definition, env({ NOA_DRAIN_MS: '1000' }), { logger });
  const slow = fetch(`http://127.0.0.1:${running.port}/api/slow`);
  const endless = assert.rejects(fetch(`http://127.0.0.1:${running.port}/api/endless`));
  await waitFor(() => begun === 2);
  const stopping = running.stop();
  gate.resolve();
  assert.equal((await slow).status, 200);
  await stopping;
  await endless;
});

test('a wrong setting, shared or own, stops the start before anything is opened', async () => {
  let isCreated = false;
  const own: ConfigFields = { size: { path: 'sample.size', env: ['SAMPLE_SIZE'], schema: Type.Integer(), about: 'A size.' } };
  const definition = sample(async () => void (isCreated = true), own);
  for (const extra of [{ NOA_PORT: 'many', SAMPLE_SIZE: '1' }, { SAMPLE_SIZE: 'large' }]) {
    await assert.rejects(startService(definition, env(extra), { logger }), { code: 'CONFIG_INVALID' });
  }
  assert.equal(isCreated, false);
});

test('a service that cannot be made closes what was opened and is not registered', async () => {
  let isStopped = false;
  const failure = new NoaError('CONFLICT', { message: 'cannot be made' });
  const definition = sample(async ({ stops, queue, client }) => {
    stops.defer(async () => void (isStopped = true));
    await queue();
    await client('other');
    throw failure;
  });
  await assert.rejects(startService(definition, env(), { logger }), failure);
  assert.equal(isStopped, true);
  assert.deepEqual(await registered(), []);
  await waitFor(async () => (await connections()) === 0);
});

test('a service that needs shards says which setting is missing', async () => {
  const definition = sample(async ({ shards }) => void (await shards({ name: 'users', keyType: 'uuid' })));
  await assert.rejects(startService(definition, env(), { logger }), (error: NoaError) => {
    assert.equal(error.code, 'CONFIG_INVALID');
    assert.match(error.message, /NOA_SHARDS/);
    return true;
  });
});

test('services of one process share their engines; asking twice for one gives the same', async () => {
  const engines = new Engines({ settings: loadConfig(sharedFields, env()), name: 'inline', clock, random, logger });
  const [queue, again, tokens, tokensAgain] = await Promise.all([engines.queue(), engines.queue(), engines.tokens(), engines.tokens()]);
  assert.equal(queue, again);
  assert.equal(tokens, tokensAgain);
  assert.equal(await engines.upstreams('sample'), await engines.upstreams('sample'));
  const queues: unknown[] = [];
  const definition = sample(async (host) => void queues.push(await host.queue()));
  const first = await startService(definition, env(), { logger, engines });
  const second = await startService(definition, env(), { logger, engines });
  assert.deepEqual(
    queues.map((one) => one === queue),
    [true, true],
  );
  await first.stop();
  // The other one goes on: shared engines are not stopped with a service.
  assert.equal((await fetch(`http://127.0.0.1:${second.port}/health/ready`)).status, 200);
  await second.stop();
  await engines.stop();
  await waitFor(async () => (await connections()) === 0);
});

test('a service finds another one by its name and calls it; without the name in the registry it is SERVICE_UNAVAILABLE', async () => {
  const callee = await startService(sample(addRoute), env(), { logger });
  const engines = new Engines({ settings: loadConfig(sharedFields, env()), name: 'caller', clock, random, logger });
  const client = await engines.client('sample');
  assert.deepEqual((await client.request({ method: 'GET', path: '/api/sample' })).body, { ok: true });
  await assert.rejects(client.request({ method: 'GET', path: '/api/nothing' }), { code: 'NOT_FOUND', httpStatus: 404 });
  const nobody = await engines.client('nobody');
  await assert.rejects(nobody.request({ method: 'GET', path: '/' }), { code: 'SERVICE_UNAVAILABLE', httpStatus: 503 });
  await callee.stop();
  await waitFor(async () => (await engines.upstreams('sample')).size === 0, { timeoutMs: 2_000 });
  await engines.stop();
});
