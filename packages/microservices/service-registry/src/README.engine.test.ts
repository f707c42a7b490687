import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestDatabase, runReadmeExample, type TestDatabase } from '@noa/testing';

let database: TestDatabase;
before(async () => {
  database = await createTestDatabase({ name: 'registryreadme' });
});
after(() => database.drop());

test("the README's example runs as it is printed", async () => {
  const stdout = await runReadmeExample(import.meta.dirname, { env: { NOA_REGISTRY_URL: database.url } });
  assert.equal(stdout, 'hello-1 4001 p2c-ewma over 1 of 1\n0\n');
});
