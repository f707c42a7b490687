import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { silentLogger as logger, systemClock as clock } from '@noa/core';
import { createTestDatabase, TCPFaultProxy, waitFor, type TestDatabase } from '@noa/testing';
import { PostgresProvider } from './PostgresProvider.ts';
import { registryProviderConformance, sampleInstance } from './RegistryProvider.conformance.ts';

let db: TestDatabase;
before(async () => {
  db = await createTestDatabase({ name: 'registry' });
});
after(() => db.drop());

async function startProvider(url = db.url): Promise<PostgresProvider> {
  const provider = new PostgresProvider({ url, clock, logger });
  await provider.start();
  return provider;
}

registryProviderConformance(
  { provider: 'postgres', registration: true, watch: true, leases: true },
  async () => {
    const provider = await startProvider();
    await db.database.query('DELETE FROM noa_registry.instances');
    return { provider, seeded: [], stop: () => provider.stop() };
  },
  { test },
);

test('a sweep that removes nothing wakes nobody; one that removes an expired row does', async () => {
  const provider = await startProvider();
  await db.database.query('DELETE FROM noa_registry.instances');
  let hints = 0;
  const watch = provider.watch(() => (hints += 1));
  await waitFor(() => hints === 1);
  await db.database.query('DELETE FROM noa_registry.instances WHERE expires_at < now()');
  await provider.register(sampleInstance('user-1'), { leaseMs: 1 });
  await waitFor(() => hints > 1);
  assert.equal(hints, 2, 'the empty sweep was hinted');
  await waitFor(async () => (await provider.list()).instances.length === 0);
  await db.database.query('DELETE FROM noa_registry.instances WHERE expires_at < now()');
  await waitFor(() => hints === 3);
  await watch.stop();
  await provider.stop();
});

test('starts while the server is away, refuses with DATABASE_UNAVAILABLE, and serves when it is back', async () => {
  const fresh = await createTestDatabase({ name: 'registry_away' });
  const { hostname, port } = new URL(fresh.url);
  const proxy = new TCPFaultProxy({ target: { host: hostname, port: Number(port) } });
  const address = await proxy.start();
  const url = new URL(fresh.url);
  url.host = `${address.host}:${address.port}`;
  proxy.cut();
  const provider = await startProvider(url.href);
  await assert.rejects(provider.list(), { code: 'DATABASE_UNAVAILABLE' });
  proxy.restore();
  // The schema is made by the sweeper, within its pause.
  await waitFor(
    async () => {
      await provider.register(sampleInstance('user-1'), { leaseMs: 30_000 });
      return true;
    },
    { timeoutMs: 15_000 },
  );
  assert.equal((await provider.list()).instances.length, 1);
  await provider.stop();
  await proxy.stop();
  await fresh.drop();
});

test('many processes that start together make the schema once', async () => {
  const fresh = await createTestDatabase({ name: 'registry_together' });
  const providers = await Promise.all([startProvider(fresh.url), startProvider(fresh.url), startProvider(fresh.url)]);
  const { rows } = await fresh.database.query<{ version: number }>('SELECT version FROM noa_registry.noa_version ORDER BY version');
  assert.deepEqual(
    rows.map(({ version }) => version),
    [1, 2],
  );
  await Promise.all(providers.map((provider) => provider.stop()));
  await fresh.drop();
});
