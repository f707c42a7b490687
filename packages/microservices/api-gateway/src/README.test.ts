import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runReadmeExample } from '@noa/testing';

test("the README's example runs as it is printed", async () => {
  const stdout = await runReadmeExample(import.meta.dirname);
  assert.match(stdout, /^200 hello from \/hello\/ada "default";r=99;t=1\n/);
  assert.match(stdout, /reason: 'method: takes GET'/);
});
