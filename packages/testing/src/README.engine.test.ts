import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runReadmeExample } from './runReadmeExample.ts';

test("the README's example passes as it is printed", async () => {
  const stdout = await runReadmeExample(import.meta.dirname, { flags: ['--test-reporter=tap'] });
  assert.match(stdout, /# pass 2\n# fail 0/);
});
