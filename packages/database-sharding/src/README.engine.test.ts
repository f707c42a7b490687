import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestDatabase, runReadmeExample, type TestDatabase } from '@noa/testing';

let databases: TestDatabase[];
before(async () => {
  databases = await Promise.all(['control', 'one', 'two'].map((name) => createTestDatabase({ name: `readme_${name}` })));
});
after(async () => {
  for (const each of databases) await each.drop();
});

test("the README's example runs as it is printed", async () => {
  const [control, ...shards] = databases.map((each) => each.url);
  const stdout = await runReadmeExample(import.meta.dirname, { env: { NOA_DATABASE_URL: control!, NOA_SHARDS: shards.join(',') } });
  assert.match(stdout, /email: 'ada@example.com'/);
  assert.match(stdout, /bucket: \d+, shardId: 'shard-[01]', epoch: \d+/);
});
