import { test } from 'node:test';
import { assertTellsApart } from './breaks.ts';
import { moduleState } from './moduleState.ts';

const bad: readonly [string, string, RegExp][] = [
  ['a.ts', 'let count = 0;', /module-level let/],
  ['a.ts', '\nexport let count = 0;', /:2 module-level let/],
  ['a.ts', 'const cache = new Map<string, number>();', /empty collection at module level/],
  ['a.ts', 'export default 1;', /default export/],
  ['a.ts', "export * from './b.ts';", /name what is public/],
  ['index.ts', 'export const x = 1;', /only re-exports/],
  ['index.ts', "import { x } from './x.ts';", /only re-exports/],
];
const good = {
  'packages/a/src/good.ts':
    "const names = new Set(['a']); export const f = () => { let x = 0; return new Map(); }; export class A { #all = new Map(); }",
  'packages/a/src/index.ts': "export { f, type A } from './good.ts';",
};

for (const [file, text, expected] of bad) {
  test(`refuses ${text.trim()} in ${file}`, () => {
    assertTellsApart(moduleState, { bad: { [`packages/a/src/${file}`]: text }, expected, good });
  });
}
