import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QUEUES } from '../config/queue-config.ts';
import { postgresCapabilities } from './providers/postgresCapabilities.ts';
import { assertCapable, resolveQueue } from './QueueDefinition.ts';

test('every queue of the system is valid, has a name of its own, and can live in the default provider', () => {
  const definitions = Object.values(QUEUES);
  for (const definition of definitions) {
    resolveQueue(definition);
    assertCapable(definition, postgresCapabilities('18.0'));
  }
  assert.equal(new Set(definitions.map(({ name }) => name)).size, definitions.length);
});
