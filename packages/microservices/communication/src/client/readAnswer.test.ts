import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRetryAfter } from './readAnswer.ts';

const NOW_MS = Date.parse('2026-11-24T10:00:00Z');

for (const [value, expectedMs] of [
  [undefined, 0],
  [['1', '2'], 0],
  ['', 0],
  ['0', 0],
  ['7', 7_000],
  ['-1', 0],
  ['1.5', 0],
  ['soon', 0],
  ['Tue, 24 Nov 2026 10:00:02 GMT', 2_000],
  ['Tue, 24 Nov 2026 09:59:00 GMT', 0],
] as const) {
  test(`Retry-After ${JSON.stringify(value)} is a pause of ${expectedMs} ms`, () => {
    assert.equal(parseRetryAfter(value === undefined || typeof value === 'string' ? value : [...value], NOW_MS), expectedMs);
  });
}
