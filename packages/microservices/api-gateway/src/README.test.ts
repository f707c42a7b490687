import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

test("the README's example runs as it is printed", async () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const [, example] = /```ts\n(.*?)```/s.exec(readme) ?? [];
  assert.ok(example !== undefined);
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module-typescript', '--eval', example], {
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    timeout: 30_000,
  });
  assert.match(stdout, /^200 hello from \/hello\/ada "default";r=99;t=1\n/);
  assert.match(stdout, /reason: 'method: takes GET'/);
});
