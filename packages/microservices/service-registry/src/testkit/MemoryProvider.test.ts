import { test } from 'node:test';
import { systemClock } from '@noa/core';
import { registryProviderConformance } from '../providers/RegistryProvider.conformance.ts';
import { MemoryProvider } from './MemoryProvider.ts';

registryProviderConformance(
  { provider: 'memory', registration: true, watch: true, leases: true },
  async () => {
    const provider = new MemoryProvider(systemClock);
    return { provider, seeded: [], stop: () => provider.stop() };
  },
  { test },
);
