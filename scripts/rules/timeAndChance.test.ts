import { test } from 'node:test';
import { assertTellsApart } from './breaks.ts';
import { timeAndChance } from './timeAndChance.ts';

const bad: readonly [string, RegExp][] = [
  ['const x = () => Math.random();', /Math\.random: take a Random/],
  ['\nconst x = () => Date.now();', /:2 Date\.now: take a Clock/],
  ['const x = { now: Date.now };', /Date\.now: take a Clock/],
  ['const x = () => new Date();', /new Date\(\) without an argument/],
  ['const x = () => setTimeout(f, 1);', /setTimeout: take a Clock/],
  ['const x = () => globalThis.setInterval(f, 1);', /setInterval: take a Clock/],
  ["import { setTimeout as sleep } from 'node:timers/promises';", /node:timers\/promises: take a Clock/],
];

for (const [text, expected] of bad) {
  test(`refuses ${text.trim()} outside core`, () => {
    assertTellsApart(timeAndChance, {
      bad: { 'packages/a/src/a.ts': text },
      expected,
      good: { 'packages/core/src/a.ts': text, 'packages/a/src/b.ts': "const d = new Date(0); const s = 'Date.now()'; clock.now(); // setTimeout(f)" },
    });
  });
}
