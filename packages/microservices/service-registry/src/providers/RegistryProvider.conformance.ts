import assert from 'node:assert/strict';
import type { Stoppable } from '@noa/core';
import { waitFor } from '@noa/testing';
import type { RegistryCapabilities } from '../capabilities.ts';
import { InstanceStatus, type Instance } from '../Instance.ts';
import type { RegistryProvider } from './RegistryProvider.ts';

type Feature = 'registration' | 'leases' | 'watch';

/** A started provider over a registry of its own. */
export interface ProviderWorld extends Stoppable {
  readonly provider: RegistryProvider;
  /** What the registry holds from the start on, for providers that cannot register. */
  readonly seeded: readonly Instance[];
}

/** `node:test`'s `test`, as far as the suite uses it. */
export type TestFunction = (name: string, options: { skip?: string | false }, body: () => Promise<void>) => unknown;

const LEASE_MS = 30_000;
const SHORT_LEASE_MS = 300;
/** The promise of a watch: a change is hinted within this. */
const HINT_MS = 1_000;

/** An instance with everything a registry must keep. */
export function sampleInstance(id: string, overrides: Partial<Instance> = {}): Instance {
  return {
    id,
    service: 'user',
    host: '127.0.0.1',
    port: 4_000,
    version: '1.2.3',
    weight: 100,
    zone: 'a',
    status: InstanceStatus.Passing,
    metadata: { protocol: 'http', 'label "quoted"': 'ünïcode ✓' },
    routes: [{ id: 'user.byId', path: '/api/users/{id}', methods: ['GET'], service: 'user', auth: 'required', rateLimit: null, timeoutMs: 1_000 }],
    ...overrides,
  };
}

/** The suite every registry provider must pass. A case that needs a capability the provider lacks is skipped under its name. */
export function registryProviderConformance(
  capabilities: RegistryCapabilities,
  makeWorld: () => Promise<ProviderWorld>,
  { test }: { test: TestFunction },
): void {
  for (const { name, needs, run } of [...LIST_CASES, ...LEASE_CASES, ...WATCH_CASES]) {
    const missing = needs.filter((feature) => !capabilities[feature]);
    const skip = missing.length === 0 ? false : `the ${capabilities.provider} provider has no ${missing.join(', ')}`;
    test(`${capabilities.provider}: ${name}`, { skip }, async () => {
      const world = await makeWorld();
      try {
        assert.deepEqual(world.provider.capabilities, capabilities);
        await run(world);
      } finally {
        await world.stop();
      }
    });
  }
}

interface Case {
  readonly name: string;
  readonly needs: readonly Feature[];
  readonly run: (world: ProviderWorld) => Promise<void>;
}

const LIST_CASES: readonly Case[] = [
  {
    name: 'lists what it was given from the start on, complete and ordered by id',
    needs: [],
    run: async ({ provider, seeded }) => {
      const byId = seeded.toSorted((a, b) => (a.id < b.id ? -1 : 1));
      assert.deepEqual((await provider.list()).instances, byId);
      assert.equal((await provider.list()).revision, (await provider.list()).revision);
    },
  },
  {
    name: 'a registered instance is listed with its metadata, zone and routes as they were given',
    needs: ['registration'],
    run: async ({ provider }) => {
      await provider.register(sampleInstance('user-1'), { leaseMs: LEASE_MS });
      assert.deepEqual((await provider.list()).instances, [sampleInstance('user-1')]);
    },
  },
  {
    name: 'registering again replaces the instance instead of adding one',
    needs: ['registration'],
    run: async ({ provider }) => {
      await provider.register(sampleInstance('user-1'), { leaseMs: LEASE_MS });
      await provider.register(sampleInstance('user-1'), { leaseMs: LEASE_MS });
      const moved = sampleInstance('user-1', { service: 'auth', port: 5_000 });
      await provider.register(moved, { leaseMs: LEASE_MS });
      assert.deepEqual((await provider.list()).instances, [moved]);
    },
  },
  {
    name: 'lists are ordered by id, byte by byte',
    needs: ['registration'],
    run: async ({ provider }) => {
      const ids = ['b', 'a-1', 'B', 'a', 'a1'];
      for (const id of ids) await provider.register(sampleInstance(id), { leaseMs: LEASE_MS });
      assert.deepEqual(
        (await provider.list()).instances.map(({ id }) => id),
        ['B', 'a', 'a-1', 'a1', 'b'],
      );
    },
  },
  {
    name: 'each change gives another revision, a renewal gives none',
    needs: ['registration'],
    run: async ({ provider }) => {
      const seen = [(await provider.list()).revision];
      const look = async (): Promise<void> => void seen.push((await provider.list()).revision);
      await provider.register(sampleInstance('user-1'), { leaseMs: LEASE_MS });
      await look();
      await provider.setStatus('user-1', InstanceStatus.Warning);
      await look();
      await provider.register(sampleInstance('user-2'), { leaseMs: LEASE_MS });
      await look();
      await provider.deregister('user-2');
      await provider.register(sampleInstance('user-2'), { leaseMs: LEASE_MS });
      await look();
      assert.equal(new Set(seen).size, seen.length, seen.join(' | '));
      await provider.renew('user-1');
      assert.equal((await provider.list()).revision, seen.at(-1));
    },
  },
  {
    name: 'a status is listed and told from an unknown instance',
    needs: ['registration'],
    run: async ({ provider }) => {
      await provider.register(sampleInstance('user-1'), { leaseMs: LEASE_MS });
      assert.equal(await provider.setStatus('user-1', InstanceStatus.Maintenance), true);
      assert.deepEqual((await provider.list()).instances, [sampleInstance('user-1', { status: InstanceStatus.Maintenance })]);
      assert.equal(await provider.setStatus('user-2', InstanceStatus.Maintenance), false);
    },
  },
  {
    name: 'a deregistered instance is gone at once, and leaving twice is no error',
    needs: ['registration'],
    run: async ({ provider }) => {
      await provider.register(sampleInstance('user-1'), { leaseMs: LEASE_MS });
      await provider.register(sampleInstance('user-2'), { leaseMs: LEASE_MS });
      await provider.deregister('user-1');
      await provider.deregister('user-1');
      assert.deepEqual(
        (await provider.list()).instances.map(({ id }) => id),
        ['user-2'],
      );
    },
  },
];

const LEASE_CASES: readonly Case[] = [
  {
    name: 'a silent instance disappears when its lease ends, is unknown to renewals, and can come back',
    needs: ['registration', 'leases'],
    run: async ({ provider }) => {
      await provider.register(sampleInstance('silent'), { leaseMs: SHORT_LEASE_MS });
      await provider.register(sampleInstance('steady'), { leaseMs: LEASE_MS });
      await waitFor(async () => (await provider.list()).instances.length === 1);
      assert.deepEqual(
        (await provider.list()).instances.map(({ id }) => id),
        ['steady'],
      );
      assert.equal(await provider.renew('silent'), false);
      assert.equal(await provider.setStatus('silent', InstanceStatus.Warning), false);
      await provider.register(sampleInstance('silent'), { leaseMs: LEASE_MS });
      assert.equal((await provider.list()).instances.length, 2);
    },
  },
  {
    name: 'a renewal extends the lease; one of an unknown instance says so',
    needs: ['registration', 'leases'],
    run: async ({ provider }) => {
      await provider.register(sampleInstance('renewed'), { leaseMs: 2_000 });
      await provider.register(sampleInstance('silent'), { leaseMs: 2_000 });
      // Both leases are equal: what outlives the other does so by its renewals.
      await waitFor(async () => {
        assert.equal(await provider.renew('renewed'), true);
        return (await provider.list()).instances.length === 1;
      });
      assert.deepEqual(
        (await provider.list()).instances.map(({ id }) => id),
        ['renewed'],
      );
      assert.equal(await provider.renew('nobody'), false);
    },
  },
];

const WATCH_CASES: readonly Case[] = [
  {
    name: 'each change is hinted within a second, a renewal is not',
    needs: ['registration', 'watch'],
    run: async ({ provider }) => {
      let hints = 0;
      const watch = provider.watch(() => (hints += 1));
      // The hint of the connection itself: from here on nothing is missed.
      await waitFor(() => hints > 0);
      const changes: readonly (() => Promise<unknown>)[] = [
        () => provider.register(sampleInstance('user-1'), { leaseMs: LEASE_MS }),
        () => provider.setStatus('user-1', InstanceStatus.Maintenance),
        () => provider.register(sampleInstance('user-1', { port: 4_001 }), { leaseMs: LEASE_MS }),
        () => provider.deregister('user-1'),
      ];
      for (const [index, change] of changes.entries()) {
        const before = hints;
        await change();
        await waitFor(() => hints > before, { timeoutMs: HINT_MS, message: `a hint of change ${index}` });
      }
      await provider.register(sampleInstance('user-2'), { leaseMs: LEASE_MS });
      await waitFor(() => hints >= changes.length + 2);
      const before = hints;
      assert.equal(await provider.renew('user-2'), true);
      await provider.register(sampleInstance('user-3'), { leaseMs: LEASE_MS });
      await waitFor(() => hints > before);
      assert.equal(hints, before + 1, 'the renewal was hinted too');
      await watch.stop();
    },
  },
  {
    name: 'an expired instance that comes back unchanged is hinted',
    needs: ['registration', 'leases', 'watch'],
    run: async ({ provider }) => {
      let hints = 0;
      const watch = provider.watch(() => (hints += 1));
      await waitFor(() => hints > 0);
      await provider.register(sampleInstance('user-1'), { leaseMs: SHORT_LEASE_MS });
      await waitFor(async () => hints > 1 && (await provider.list()).instances.length === 0);
      const before = hints;
      await provider.register(sampleInstance('user-1'), { leaseMs: LEASE_MS });
      await waitFor(() => hints > before, { timeoutMs: HINT_MS, message: 'a hint of the return' });
      await watch.stop();
    },
  },
];
