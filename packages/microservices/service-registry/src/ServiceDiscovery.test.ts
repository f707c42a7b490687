import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { createMetrics } from '@noa/core';
import { LogRecorder, SeededRandom, SimulatedClock, waitFor } from '@noa/testing';
import { InstanceStatus, type Instance } from './Instance.ts';
import { sampleInstance } from './providers/RegistryProvider.conformance.ts';
import { ServiceDiscovery } from './ServiceDiscovery.ts';
import { MemoryProvider } from './testkit/MemoryProvider.ts';

function setup(t: TestContext, options: { cachePath?: string } = {}) {
  const clock = new SimulatedClock();
  const provider = new MemoryProvider(clock);
  const logger = new LogRecorder();
  const metrics = createMetrics();
  const discovery = new ServiceDiscovery({ provider, clock, random: new SeededRandom(1), logger, metrics, ...options });
  const changes: [string, string[]][] = [];
  discovery.onChange((service, instances) => changes.push([service, instances.map(({ id }) => id)]));
  t.after(() => discovery.stop());
  const ids = (service = 'user'): string[] => discovery.instances(service).map(({ id }) => id);
  return { clock, provider, logger, metrics, discovery, changes, ids };
}

async function cacheFile(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'noa-discovery-'));
  t.after(() => rm(folder, { recursive: true }));
  return join(folder, 'deeper', 'registry.json');
}

function fleet(count: number, prefix = 'user', overrides: Partial<Instance> = {}): Instance[] {
  return Array.from({ length: count }, (_, index) => sampleInstance(`${prefix}-${index}`, { port: 4_000 + index, ...overrides }));
}

test('knows the services and their instances after the start, and tells late listeners what is known', async (t) => {
  const { provider, discovery, ids } = setup(t);
  provider.set([...fleet(2), ...fleet(1, 'auth', { service: 'auth' })]);
  await discovery.start();
  assert.deepEqual(discovery.services(), ['auth', 'user']);
  assert.deepEqual(ids(), ['user-0', 'user-1']);
  assert.deepEqual(ids('nobody'), []);
  const heard: string[] = [];
  discovery.onChange((service) => heard.push(service));
  assert.deepEqual(heard.toSorted(), ['auth', 'user']);
});

test('tells true changes of the service concerned only, however often it looks', async (t) => {
  const { provider, discovery, clock, changes } = setup(t);
  provider.set([...fleet(1), ...fleet(1, 'auth', { service: 'auth' })]);
  await discovery.start();
  assert.equal(changes.length, 2);
  provider.hint();
  await clock.advance(5_000);
  assert.equal(changes.length, 2);
  provider.set([...fleet(2), ...fleet(1, 'auth', { service: 'auth' })]);
  await clock.advance(1_000);
  assert.deepEqual(changes.slice(2), [['user', ['user-0', 'user-1']]]);
  provider.set([...fleet(2)]);
  await clock.advance(1_000);
  assert.deepEqual(changes.slice(3), [['auth', []]]);
  assert.deepEqual(discovery.services(), ['user']);
});

test('looks at once after a hint, and within a second without one', async (t) => {
  const { provider, discovery, clock, ids } = setup(t);
  await discovery.start();
  await clock.advance(0);
  await provider.register(sampleInstance('user-1'), { leaseMs: 60_000 });
  await clock.advance(0);
  assert.deepEqual(ids(), ['user-1']);
  provider.set(fleet(1));
  await clock.advance(0);
  assert.deepEqual(ids(), ['user-1']);
  await clock.advance(1_000);
  assert.deepEqual(ids(), ['user-0']);
});

test('instances in maintenance or critical get no requests; warning ones do', async (t) => {
  const { provider, discovery, ids } = setup(t);
  provider.set(Object.values(InstanceStatus).map((status) => sampleInstance(`user-${status}`, { status })));
  await discovery.start();
  assert.deepEqual(ids(), ['user-passing', 'user-warning']);
});

test('a listener that fails keeps the news from nobody', async (t) => {
  const { provider, discovery, logger } = setup(t);
  provider.set(fleet(1));
  const heard: string[] = [];
  discovery.onChange(() => {
    throw new Error('broken listener');
  });
  const stopped = discovery.onChange((service) => heard.push(`stopped ${service}`));
  discovery.onChange((service) => heard.push(service));
  await stopped.stop();
  await discovery.start();
  assert.deepEqual(heard, ['user']);
  assert.ok(logger.entries.some(({ level }) => level === 'error'));
});

test('keeps the last list while the registry is away, warns once, and measures how old the list is', async (t) => {
  const { provider, discovery, clock, logger, changes, ids } = setup(t);
  provider.set(fleet(2));
  await discovery.start();
  assert.equal(discovery.staleMs, 0);
  provider.isDown = true;
  await clock.advance(3_600_000);
  assert.deepEqual(ids(), ['user-0', 'user-1']);
  assert.equal(changes.length, 1);
  assert.ok(discovery.staleMs >= 3_599_000, `${discovery.staleMs}`);
  assert.equal(logger.entries.filter(({ level }) => level === 'warn').length, 1);
  provider.isDown = false;
  provider.set(fleet(3));
  await clock.advance(1_000);
  assert.equal(ids().length, 3);
  assert.ok(discovery.staleMs <= 1_000);
});

test('half of the fleet vanishing at once is taken for the fault of the registry for 30 s, then believed', async (t) => {
  const { provider, discovery, clock, metrics, ids } = setup(t);
  provider.set(fleet(4));
  await discovery.start();
  provider.set(fleet(2));
  await clock.advance(30_000);
  assert.equal(ids().length, 4);
  assert.match(await metrics.render(), /registry_mass_death_total 1/);
  await clock.advance(2_000);
  assert.deepEqual(ids(), ['user-0', 'user-1']);
});

test('an empty registry is a mass death too', async (t) => {
  const { provider, discovery, clock, ids } = setup(t);
  provider.set(fleet(10));
  await discovery.start();
  provider.set([]);
  await clock.advance(20_000);
  assert.equal(ids().length, 10);
  await clock.advance(12_000);
  assert.deepEqual(ids(), []);
});

test('while suspects are kept, newcomers and changes of those that stay are taken', async (t) => {
  const { provider, discovery, clock, ids } = setup(t);
  provider.set(fleet(6));
  await discovery.start();
  provider.set([sampleInstance('user-0', { status: InstanceStatus.Maintenance }), sampleInstance('new')]);
  await clock.advance(1_000);
  assert.deepEqual(ids(), ['new', 'user-1', 'user-2', 'user-3', 'user-4', 'user-5']);
});

test('those that come back within 30 s were never missed, and the next loss is suspected afresh', async (t) => {
  const { provider, discovery, clock, changes, metrics, ids } = setup(t);
  provider.set(fleet(4));
  await discovery.start();
  for (let round = 1; round <= 2; round += 1) {
    provider.set(fleet(1));
    await clock.advance(25_000);
    assert.equal(ids().length, 4);
    provider.set(fleet(4));
    await clock.advance(1_000);
  }
  assert.equal(changes.length, 1);
  assert.match(await metrics.render(), /registry_mass_death_total 2/);
});

for (const [name, before, after] of [
  ['less than half of a fleet', fleet(5), fleet(3)],
  ['all of a fleet that is replaced by another', fleet(4), fleet(4, 'next')],
  ['two of three instances', fleet(3), fleet(1)],
  ['the only instance', fleet(1), []],
] as const) {
  test(`${name} may go at once`, async (t) => {
    const { provider, discovery, clock, ids } = setup(t);
    provider.set(before);
    await discovery.start();
    provider.set(after);
    await clock.advance(1_000);
    assert.deepEqual(
      ids(),
      after.map(({ id }) => id),
    );
  });
}

test('a lone instance whose lease ran out while the registry was away stays until it has had the time to register again', async (t) => {
  const { provider, discovery, clock, changes, ids } = setup(t);
  provider.set([...fleet(1), ...fleet(1, 'auth', { service: 'auth' })]);
  await discovery.start();
  provider.isDown = true;
  await clock.advance(20_000);
  provider.isDown = false;
  provider.set(fleet(1, 'auth', { service: 'auth' }));
  await clock.advance(5_000);
  provider.set([...fleet(1), ...fleet(1, 'auth', { service: 'auth' })]);
  await clock.advance(30_000);
  assert.equal(changes.length, 2, 'somebody heard of it');
  provider.set(fleet(1, 'auth', { service: 'auth' }));
  await clock.advance(1_000);
  assert.deepEqual(ids(), [], 'without an outage the registry is believed');
});

test('a lone instance that does not come back after an outage is given up', async (t) => {
  const { provider, discovery, clock, ids } = setup(t);
  provider.set(fleet(1));
  await discovery.start();
  provider.isDown = true;
  await clock.advance(5_000);
  provider.isDown = false;
  provider.set([]);
  await clock.advance(14_000);
  assert.deepEqual(ids(), ['user-0']);
  await clock.advance(3_000);
  assert.deepEqual(ids(), []);
});

test('starts from the list on disk while the registry is away', async (t) => {
  const cachePath = await cacheFile(t);
  const first = setup(t, { cachePath });
  first.provider.set(fleet(2));
  await first.discovery.start();
  await first.discovery.stop();

  const second = setup(t, { cachePath });
  second.provider.isDown = true;
  await second.discovery.start();
  assert.deepEqual(second.ids(), ['user-0', 'user-1']);
  second.provider.isDown = false;
  second.provider.set(fleet(3));
  await second.clock.advance(1_000);
  assert.equal(second.ids().length, 3);
  await waitFor(async () => JSON.parse(await readFile(cachePath, 'utf8')).length === 3);
});

test('what is broken in the list on disk is left out', async (t) => {
  const cachePath = await cacheFile(t);
  const first = setup(t, { cachePath });
  first.provider.set(fleet(1));
  await first.discovery.start();
  await first.discovery.stop();
  for (const [content, expected] of [
    [JSON.stringify([null, 7, { id: 'half' }, sampleInstance('user-9')]), ['user-9']],
    ['{"not":"a list"}', []],
    ['[{', []],
  ] as const) {
    await writeFile(cachePath, content);
    const later = setup(t, { cachePath });
    later.provider.isDown = true;
    await later.discovery.start();
    assert.deepEqual(later.ids(), expected);
  }
});

test('starts empty when the registry is away and there is no list on disk', async (t) => {
  const { provider, discovery, clock, ids } = setup(t);
  provider.isDown = true;
  await discovery.start();
  assert.deepEqual(discovery.services(), []);
  provider.isDown = false;
  provider.set(fleet(1));
  await clock.advance(1_000);
  assert.deepEqual(ids(), ['user-0']);
});

test('a list that cannot be kept on disk is no reason to fail', async (t) => {
  const { provider, discovery, logger, ids } = setup(t, { cachePath: '/dev/null/registry.json' });
  provider.set(fleet(1));
  await discovery.start();
  assert.deepEqual(ids(), ['user-0']);
  assert.ok(logger.entries.some(({ message }) => message.includes('could not be cached')));
});

test('looks no more after the stop', async (t) => {
  const { provider, discovery, clock } = setup(t);
  await discovery.start();
  await clock.advance(2_000);
  await discovery.stop();
  await discovery.stop();
  const looks = provider.calls.length;
  provider.hint();
  await clock.advance(10_000);
  assert.equal(provider.calls.length, looks);
});
