import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isNoaError } from '@noa/core';
import { registryProviderConformance, sampleInstance } from './RegistryProvider.conformance.ts';
import { StaticProvider } from './StaticProvider.ts';

const SEEDED = [sampleInstance('user-2'), sampleInstance('user-1', { port: 4_001 })];

registryProviderConformance(
  { provider: 'static', registration: false, watch: false, leases: false },
  async () => {
    const provider = new StaticProvider(JSON.stringify(SEEDED.map(({ status: _status, ...entry }) => entry)));
    await provider.start();
    return { provider, seeded: SEEDED, stop: () => provider.stop() };
  },
  { test },
);

test('an entry needs only service, host and port; the rest has defaults', async () => {
  const provider = new StaticProvider('[{"service":"user","host":"10.0.0.1","port":80}]');
  await provider.start();
  assert.deepEqual((await provider.list()).instances, [
    { id: 'user-10.0.0.1-80', service: 'user', host: '10.0.0.1', port: 80, version: '0', weight: 100, status: 'passing', metadata: {}, routes: [] },
  ]);
});

test('reads the list from a file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'noa-static-'));
  const path = join(folder, 'instances.json');
  await writeFile(path, '[{"service":"user","host":"10.0.0.1","port":80}]');
  const provider = new StaticProvider(path);
  await provider.start();
  assert.equal((await provider.list()).instances.length, 1);
  await rm(folder, { recursive: true });
});

for (const [name, source, place] of [
  ['a port out of range', '[{"service":"user","host":"a","port":80},{"service":"user","host":"a","port":70000}]', /\/1\/port/],
  ['a field that is not known', '[{"service":"user","host":"a","port":80,"prot":1}]', /\/0/],
  ['a weight that is not 1..1000', '[{"service":"user","host":"a","port":80,"weight":0}]', /\/0\/weight/],
  ['a route that is not one', '[{"service":"user","host":"a","port":80,"routes":[{"id":"x"}]}]', /\/0\/routes\/0/],
  ['one id twice', '[{"service":"user","host":"a","port":80},{"service":"user","host":"a","port":80}]', /\/1: the id user-a-80 is there twice/],
  ['text that is not JSON', '[{', /the static list cannot be read/],
  ['a file that is not there', '/nowhere/instances.json', /\/nowhere\/instances\.json cannot be read/],
] as const) {
  test(`refuses ${name} with REGISTRY_STATIC_INVALID and says where`, async () => {
    await assert.rejects(new StaticProvider(source).start(), (error) => {
      assert.ok(isNoaError(error, 'REGISTRY_STATIC_INVALID'));
      assert.match(error.message, place);
      return true;
    });
  });
}

test('everything that would change the list is refused with REGISTRY_READ_ONLY, 405', async () => {
  const provider = new StaticProvider('[]');
  await provider.start();
  const expected = { code: 'REGISTRY_READ_ONLY', httpStatus: 405 };
  await assert.rejects(provider.register(), expected);
  await assert.rejects(provider.renew(), expected);
  await assert.rejects(provider.setStatus(), expected);
  await assert.rejects(provider.deregister(), expected);
});
