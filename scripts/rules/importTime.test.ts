import { test } from 'node:test';
import { assertTellsApart } from './breaks.ts';
import { importTime } from './importTime.ts';

const bad: readonly [string, RegExp][] = [
  ["const x = process.env['A'];", /reads process\.env while the module loads/],
  ['\nexport const pool = new pg.Pool({});'.replace('pg.', ''), /:2 makes a Pool/],
  ["process.on('exit', f);", /calls process\.on/],
  ["emitter.on('x', f);", /calls emitter\.on/],
  ["const text = readFileSync('a');", /calls readFileSync/],
  ["const x = await import('a');", /waits/],
  ['class A { static clock = connectDatabase({}); }', /calls connectDatabase/],
  ['const database = { inner: connectDatabase({}) };', /calls connectDatabase/],
];
const good = `
const schema = Type.Object({}); const pattern = new RegExp('x'); const table = new Set(['a']);
export const open = () => connectDatabase(process.env['A']);
export function start() { setTimeout(f); process.on('exit', f); }
export class A { server = createServer(); run() { return readFileSync('a'); } }
if (import.meta.main) await start();
`;

for (const [text, expected] of bad) {
  test(`refuses ${text.trim()} at module level, but not in a program`, () => {
    assertTellsApart(importTime, {
      bad: { 'packages/a/src/a.ts': text },
      expected,
      good: { 'packages/a/src/b.ts': good, 'packages/a/src/main.ts': text, 'packages/a/src/a.test.ts': text, 'scripts/a.ts': text },
    });
  });
}
