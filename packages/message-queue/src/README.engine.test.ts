import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestDatabase, runReadmeExample, type TestDatabase } from '@noa/testing';

let database: TestDatabase;
before(async () => {
  database = await createTestDatabase({ name: 'queuereadme' });
});
after(() => database.drop());

test("the README's example runs as it is printed", async () => {
  const stdout = await runReadmeExample(import.meta.dirname, { env: { NOA_DATABASE_URL: database.url } });
  assert.match(stdout, /^mail to ada@example.com, attempt 1\n\{ bindings: 1 \}\n$/);
});
