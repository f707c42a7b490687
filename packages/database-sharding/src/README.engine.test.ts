import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { after, before, test } from 'node:test';
import { createTestDatabase, type TestDatabase } from '@noa/testing';

let databases: TestDatabase[];
before(async () => {
  databases = await Promise.all(['control', 'one', 'two'].map((name) => createTestDatabase({ name: `readme_${name}` })));
});
after(async () => {
  for (const each of databases) await each.drop();
});

test("the README's example runs as it is printed", async () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const [, example] = /```ts\n(.*?)```/s.exec(readme)!;
  const [control, ...shards] = databases.map((each) => each.url);
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module-typescript', '--eval', example!], {
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    env: { ...process.env, NOA_DATABASE_URL: control, NOA_SHARDS: shards.join(',') },
    timeout: 30_000,
  });
  assert.match(stdout, /email: 'ada@example.com'/);
  assert.match(stdout, /bucket: \d+, shardId: 'shard-[01]', epoch: \d+/);
});
