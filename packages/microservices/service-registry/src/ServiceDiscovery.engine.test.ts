import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { createMetrics, silentLogger as logger, systemClock as clock, systemRandom as random } from '@noa/core';
import { createTestDatabase, TCPFaultProxy, waitFor } from '@noa/testing';
import { PostgresProvider } from './providers/PostgresProvider.ts';
import { sampleInstance } from './providers/RegistryProvider.conformance.ts';
import { ServiceDiscovery } from './ServiceDiscovery.ts';
import { ServiceRegistry } from './ServiceRegistry.ts';

const LEASE_MS = 60_000;
/** Reconnect pause of the watch and one look, with room for a busy machine. */
const SOON = { timeoutMs: 5_000 };

/** A watcher that reaches PostgreSQL through a proxy, and a provider with a line of its own. */
async function setup(t: TestContext, options: { leaseMs?: number } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'noa-discovery-'));
  const db = await createTestDatabase({ name: 'discovery' });
  const direct = new PostgresProvider({ url: db.url, clock, logger });
  await direct.start();
  const { hostname, port } = new URL(db.url);
  const proxy = new TCPFaultProxy({ target: { host: hostname, port: Number(port) } });
  const address = await proxy.start();
  const url = new URL(db.url);
  url.host = `${address.host}:${address.port}`;
  const proxied = new PostgresProvider({ url: url.href, clock, logger });
  await proxied.start();
  const makeDiscovery = () =>
    new ServiceDiscovery({ provider: proxied, clock, random, logger, metrics: createMetrics(), cachePath: join(folder, 'registry.json') });
  const discovery = makeDiscovery();
  const registry = new ServiceRegistry({ provider: proxied, clock, random, logger, ...options });
  t.after(async () => {
    await discovery.stop();
    proxy.restore();
    for (const part of [registry, proxied, proxy, direct]) await part.stop();
    await db.drop();
    await rm(folder, { recursive: true });
  });
  const ids = (): string[] => discovery.instances('user').map(({ id }) => id);
  return { direct, proxy, discovery, makeDiscovery, registry, ids, database: db.database };
}

test('a registration, a status and a leaving are seen by others within a second', async (t) => {
  const { direct, discovery, ids } = await setup(t);
  await discovery.start();
  await direct.register(sampleInstance('user-1'), { leaseMs: LEASE_MS });
  await waitFor(() => ids().length === 1, { timeoutMs: 1_000 });
  await direct.setStatus('user-1', 'maintenance');
  await waitFor(() => ids().length === 0, { timeoutMs: 1_000 });
  await direct.setStatus('user-1', 'passing');
  await waitFor(() => ids().length === 1, { timeoutMs: 1_000 });
  await direct.deregister('user-1');
  await waitFor(() => ids().length === 0, { timeoutMs: 1_000 });
});

test('the list stays while the registry is cut off; what changed meanwhile is seen soon after', async (t) => {
  const { direct, proxy, discovery, ids } = await setup(t);
  for (const id of ['user-1', 'user-2']) await direct.register(sampleInstance(id), { leaseMs: LEASE_MS });
  await discovery.start();
  assert.deepEqual(ids(), ['user-1', 'user-2']);
  proxy.cut();
  await direct.deregister('user-1');
  await direct.register(sampleInstance('user-3'), { leaseMs: LEASE_MS });
  // Two looks have failed by now.
  await waitFor(() => discovery.staleMs > 2_500);
  assert.deepEqual(ids(), ['user-1', 'user-2']);
  proxy.restore();
  await waitFor(() => ids().join() === 'user-2,user-3', SOON);
  // The watch is back as well: the next change is pushed.
  await direct.register(sampleInstance('user-4'), { leaseMs: LEASE_MS });
  await waitFor(() => ids().length === 3, SOON);
});

test('a process starts while the registry is cut off and finds the instances when it is back', async (t) => {
  const { direct, proxy, discovery, ids } = await setup(t);
  await direct.register(sampleInstance('user-1'), { leaseMs: LEASE_MS });
  proxy.cut();
  await discovery.start();
  assert.deepEqual(ids(), []);
  proxy.restore();
  await waitFor(() => ids().length === 1, SOON);
});

test('a process that restarts while the registry is cut off has the list of before, and the changes when it is back', async (t) => {
  const { direct, proxy, discovery, makeDiscovery } = await setup(t);
  for (const id of ['user-1', 'user-2', 'user-3']) await direct.register(sampleInstance(id), { leaseMs: LEASE_MS });
  await discovery.start();
  await discovery.stop();
  proxy.cut();
  await direct.deregister('user-1');
  const restarted = makeDiscovery();
  t.after(() => restarted.stop());
  await restarted.start();
  const ids = (): string =>
    restarted
      .instances('user')
      .map(({ id }) => id)
      .join();
  assert.equal(ids(), 'user-1,user-2,user-3');
  proxy.restore();
  await waitFor(() => ids() === 'user-2,user-3', SOON);
});

test('an outage that outlasts the leases drops nobody: all are kept until they have registered again', async (t) => {
  const { direct, proxy, discovery, registry, ids } = await setup(t, { leaseMs: 600 });
  await registry.announce(sampleInstance('user-1'));
  await discovery.start();
  const heard: string[][] = [];
  discovery.onChange((_, instances) => heard.push(instances.map(({ id }) => id)));
  proxy.cut();
  await waitFor(async () => (await direct.list()).instances.length === 0);
  await waitFor(() => discovery.staleMs > 1_500);
  proxy.restore();
  await waitFor(async () => (await direct.list()).instances.length === 1 && discovery.staleMs < 1_000, SOON);
  assert.deepEqual(ids(), ['user-1']);
  assert.deepEqual(heard, [['user-1']], 'somebody heard of it');
});

test('an instance whose lease ran out while it was cut off is registered again soon after', async (t) => {
  const { direct, proxy, registry } = await setup(t, { leaseMs: 600 });
  await registry.announce(sampleInstance('user-1'));
  const isListed = async (): Promise<boolean> => (await direct.list()).instances.length === 1;
  assert.equal(await isListed(), true);
  proxy.cut();
  await waitFor(async () => !(await isListed()));
  proxy.restore();
  await waitFor(isListed, SOON);
  await registry.stop();
  assert.equal(await isListed(), false);
});

test('leases go by the clock of the server: rows dated by a skewed machine do not count', async (t) => {
  const { direct, discovery, ids, database } = await setup(t);
  await direct.register(sampleInstance('user-1'), { leaseMs: LEASE_MS });
  await discovery.start();
  await database.query(`UPDATE noa_registry.instances SET expires_at = now() - interval '1 ms'`);
  await waitFor(() => ids().length === 0, SOON);
});
