import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertTellsApart, findings } from './breaks.ts';
import { FILE_LINES_MAX, FUNCTION_LINES_MAX, size } from './size.ts';

const lines = (count: number): string => 'f();\n'.repeat(count);

test('refuses a file that reaches the limit', () => {
  assertTellsApart(size, {
    bad: { 'packages/a/src/a.ts': lines(FILE_LINES_MAX) },
    expected: /a\.ts:1 has 400 lines/,
    good: { 'packages/a/src/a.ts': lines(FILE_LINES_MAX - 1) },
  });
});

test('refuses a function that reaches the limit, at its first line', () => {
  const body = (count: number): string => `\nexport function f() {\n${lines(count - 2)}}\n`;
  assertTellsApart(size, {
    bad: { 'a.ts': body(FUNCTION_LINES_MAX) },
    expected: /a\.ts:2 a function of 70 lines/,
    good: { 'a.ts': body(FUNCTION_LINES_MAX - 1) },
  });
});

test('takes a list of tests for a list, but not a long test', () => {
  const suite = (name: string): string => `${name}('x', () => {\n${lines(80)}});\n`;
  assert.equal(findings(size, { 'packages/a/src/a.test.ts': suite('describe') }).length, 0);
  assert.equal(findings(size, { 'packages/a/src/a.test.ts': suite('test') }).length, 1);
});
