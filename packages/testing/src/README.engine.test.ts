import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { promisify } from 'node:util';

test("the README's example passes as it is printed", async () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const [, example] = /```ts\n(.*?)```/s.exec(readme)!;
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { stdout } = await promisify(execFile)(process.execPath, ['--test-reporter=tap', '--input-type=module-typescript', '--eval', example!], {
    cwd: import.meta.dirname,
    env,
    timeout: 30_000,
  });
  assert.match(stdout, /# pass 2\n# fail 0/);
});
