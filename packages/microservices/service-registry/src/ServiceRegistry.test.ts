import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogRecorder, SeededRandom, SimulatedClock } from '@noa/testing';
import { InstanceStatus } from './Instance.ts';
import { sampleInstance } from './providers/RegistryProvider.conformance.ts';
import { ServiceRegistry } from './ServiceRegistry.ts';
import { MemoryProvider } from './testkit/MemoryProvider.ts';

function setup(options: { registration?: boolean } = {}) {
  const clock = new SimulatedClock();
  const provider = new MemoryProvider(clock, options);
  const logger = new LogRecorder();
  const registry = new ServiceRegistry({ provider, clock, random: new SeededRandom(1), logger, leaseMs: 9_000 });
  const count = (call: string): number => provider.calls.filter((name) => name === call).length;
  const listed = async () => (await provider.list()).instances;
  return { clock, provider, logger, registry, count, listed };
}

test('renews at a third of the lease, for as long as the instance lives', async () => {
  const { clock, registry, count, listed } = setup();
  await registry.announce(sampleInstance('user-1'));
  await clock.advance(2_999);
  assert.equal(count('renew'), 0);
  await clock.advance(1);
  assert.equal(count('renew'), 1);
  await clock.advance(90_000);
  assert.equal(count('renew'), 31);
  assert.equal((await listed()).length, 1);
});

test('registers again when the registry has forgotten the instance, with the status it has now', async () => {
  const { clock, provider, registry, logger, listed } = setup();
  const announced = await registry.announce(sampleInstance('user-1'));
  await announced.setStatus(InstanceStatus.Warning);
  provider.set([]);
  await clock.advance(3_000);
  assert.deepEqual(await listed(), [sampleInstance('user-1', { status: InstanceStatus.Warning })]);
  assert.ok(logger.entries.some(({ message }) => message.includes('registered again')));
});

test('tries on through an outage, warns once, and is there again soon after it', async () => {
  const { clock, provider, registry, logger, count, listed } = setup();
  await registry.announce(sampleInstance('user-1'));
  provider.isDown = true;
  await clock.advance(60_000);
  const tries = count('renew');
  assert.ok(tries >= 19 && tries <= 300, `${tries} tries in a minute`);
  assert.equal(logger.entries.filter(({ level }) => level === 'warn').length, 1);
  provider.isDown = false;
  await clock.advance(3_000);
  assert.equal((await listed()).length, 1);
});

test('a status that could not be told during an outage is told after it', async () => {
  const { clock, provider, registry, listed } = setup();
  const announced = await registry.announce(sampleInstance('user-1'));
  provider.isDown = true;
  await assert.rejects(announced.setStatus(InstanceStatus.Maintenance), { code: 'DATABASE_UNAVAILABLE' });
  provider.isDown = false;
  await clock.advance(3_000);
  assert.equal((await listed())[0]?.status, 'maintenance');
});

test('a status is told once, not with each renewal', async () => {
  const { clock, registry, count } = setup();
  const announced = await registry.announce(sampleInstance('user-1'));
  await announced.setStatus(InstanceStatus.Maintenance);
  await clock.advance(30_000);
  assert.equal(count('setStatus'), 1);
});

test('a stop takes the instance out, once, and nothing brings it back', async () => {
  const { clock, registry, count, listed } = setup();
  const announced = await registry.announce(sampleInstance('user-1'));
  const telling = announced.setStatus(InstanceStatus.Warning);
  await Promise.all([announced.stop(), announced.stop(), telling]);
  await announced.setStatus(InstanceStatus.Passing);
  assert.deepEqual(await listed(), []);
  await clock.advance(60_000);
  assert.equal(count('register'), 1);
  assert.equal(count('deregister'), 1);
  assert.equal(clock.pendingTimers, 0);
});

test('a deregistration waits for a registration that is still on its way', async () => {
  const { provider, registry, listed } = setup();
  const announced = await registry.announce(sampleInstance('user-1'));
  provider.set([]);
  const gate = Promise.withResolvers<void>();
  const register = provider.register.bind(provider);
  provider.register = async (...args) => {
    await gate.promise;
    await register(...args);
  };
  const telling = announced.setStatus(InstanceStatus.Warning);
  const stopping = announced.stop();
  await new Promise((resolve) => setImmediate(resolve));
  gate.resolve();
  await Promise.all([telling, stopping]);
  assert.deepEqual(await listed(), []);
});

test('the stop of the registry takes every instance out, one that is just being announced too', async () => {
  const { clock, registry, listed } = setup();
  await registry.start();
  await registry.announce(sampleInstance('user-1'));
  const announcing = registry.announce(sampleInstance('user-2'));
  await registry.stop();
  await announcing;
  await clock.advance(60_000);
  assert.deepEqual(await listed(), []);
  assert.equal(clock.pendingTimers, 0);
});

test('a registry that is away does not hold up a stop', async () => {
  const { provider, registry, logger } = setup();
  await registry.announce(sampleInstance('user-1'));
  provider.isDown = true;
  await registry.stop();
  assert.ok(logger.entries.some(({ message }) => message.includes('could not be deregistered')));
});

test('an announcement that the registry refuses fails, and is not kept', async () => {
  const { clock, provider, registry, count } = setup();
  provider.isDown = true;
  await assert.rejects(registry.announce(sampleInstance('user-1')), { code: 'DATABASE_UNAVAILABLE' });
  await registry.stop();
  assert.equal(count('deregister'), 0);
  assert.equal(clock.pendingTimers, 0);
});

test('asks nothing of a provider with a fixed list', async () => {
  const { clock, provider, registry } = setup({ registration: false });
  const announced = await registry.announce(sampleInstance('user-1'));
  await announced.setStatus(InstanceStatus.Maintenance);
  await clock.advance(60_000);
  await announced.stop();
  assert.deepEqual(provider.calls, []);
});
