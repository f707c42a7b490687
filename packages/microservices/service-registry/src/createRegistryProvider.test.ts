import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger as logger } from '@noa/core';
import { SimulatedClock } from '@noa/testing';
import { createRegistryProvider } from './createRegistryProvider.ts';

const options = { clock: new SimulatedClock(), logger };

for (const [url, name] of [
  ['postgres://user:secret@db.example/noa', 'postgres'],
  ['postgresql://db.example/noa', 'postgres'],
  ['static:[]', 'static'],
] as const) {
  test(`${url} gives the ${name} provider, without a connection`, async () => {
    const provider = await createRegistryProvider(url, options);
    assert.equal(provider.capabilities.provider, name);
    await provider.stop();
  });
}

test('another scheme is refused with REGISTRY_PROVIDER_UNKNOWN, and the secret in the URL is not repeated', async () => {
  for (const url of ['consul://user:secret@host', 'secret']) {
    await assert.rejects(createRegistryProvider(url, options), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'REGISTRY_PROVIDER_UNKNOWN');
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
  }
});
