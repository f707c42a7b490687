import { after, before, test } from 'node:test';
import { silentLogger, systemClock, systemRandom } from '@noa/core';
import { createTestDatabase, type TestDatabase } from '@noa/testing';
import { PostgresProvider } from './PostgresProvider.ts';
import { queueProviderConformance } from './QueueProvider.conformance.ts';

let engine: TestDatabase;
before(async () => {
  engine = await createTestDatabase({ name: 'queue' });
});
after(() => engine.drop());

queueProviderConformance(
  () => ({
    open: () => new PostgresProvider({ url: engine.url, clock: systemClock, random: systemRandom, logger: silentLogger }),
    database: engine.database,
  }),
  { test },
);
