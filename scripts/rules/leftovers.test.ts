import { test } from 'node:test';
import { assertTellsApart } from './breaks.ts';
import { leftovers } from './leftovers.ts';

const good = { 'packages/a/src/a.ts': "const company = 'many'; // asks any caller", 'packages/a/src/a.test.ts': "test('only this', () => {});" };
const bad: readonly [string, string, RegExp][] = [
  ['a.ts', '\n// @ts-ignore', /:2 @ts-ignore switches the type checker off/],
  ['a.ts', '// TODO later', /TODO is unfinished work/],
  ['a.ts', 'const x = y as any;', /as any gives the type up/],
  ['a.test.ts', "test.only('x', f);", /only leaves the other tests out/],
];

for (const [file, text, expected] of bad) {
  test(`refuses ${text.trim()}`, () => {
    assertTellsApart(leftovers, { bad: { [`packages/a/src/${file}`]: text }, expected, good });
  });
}
