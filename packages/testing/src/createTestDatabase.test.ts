import assert from 'node:assert/strict';
import { test } from 'node:test';
import { databaseName, isLeftover } from './createTestDatabase.ts';

const DAY_MS = 24 * 3_600_000;
const NOW_MS = 1_800_000_000_000;

test('a database older than a day is a leftover, a younger one is not', () => {
  const name = databaseName('queue', NOW_MS);
  assert.equal(isLeftover(name, NOW_MS + DAY_MS - 1_000), false);
  assert.equal(isLeftover(name, NOW_MS + DAY_MS + 2_000), true);
});

test('names that are not ours are never leftovers', () => {
  for (const name of ['postgres', 'noa_test_', 'noa_test_db_', 'noa_test_mine', 'noa_control', 'noa_test_db_zzzzzz']) {
    assert.equal(isLeftover(name, Number.MAX_SAFE_INTEGER), false, name);
  }
});

test('a name that would not be an identifier is refused', () => {
  for (const name of ['', 'a-b', 'A', 'x; DROP DATABASE postgres', 'a'.repeat(21)]) assert.throws(() => databaseName(name, NOW_MS), /expected/);
  assert.ok(databaseName('a'.repeat(20), NOW_MS).length <= 63);
});
