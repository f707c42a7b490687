import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createTestDatabase, type TestDatabase } from '@noa/testing';

let database: TestDatabase;
before(async () => {
  database = await createTestDatabase({ name: 'communicationreadme' });
});
after(() => database.drop());

test("the README's example runs as it is printed", async () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const [, example] = /```ts\n(.*?)```/s.exec(readme)!;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module-typescript', '--eval', example!], {
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    env: { ...process.env, NOA_DATABASE_URL: database.url },
    timeout: 30_000,
  });
  assert.equal(stdout, "200 { hello: 'ada' }\nheard of ada\n");
});
