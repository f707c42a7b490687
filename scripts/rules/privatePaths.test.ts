import { test } from 'node:test';
import { assertTellsApart } from './breaks.ts';
import { privatePaths } from './privatePaths.ts';

const good = {
  'a.ts': "const a = '/api/work/items'; const b = 'src/home/me/x'; const link = 'https://example.com/root/a';",
  'package-lock.json': '{ "a": { "resolved": "packages/core", "link": true } }',
};
// In parts, so that the rule does not find its own test.
const bad: readonly [string, string, RegExp][] = [
  ['a.md', ['see ', 'home', 'ann', 'notes'].join('/'), /\/home\/ann\/notes exists on one machine only/],
  ['a.json', `{"registry":"${['https:', '', 'registry.example.com'].join('/')}"}`, /registry\.example\.com/],
  ['package-lock.json', `\n"resolved": "${['https:', '', 'registry.example.com', 'a.tgz'].join('/')}"`, /:2 resolved names a host/],
];

for (const [path, text, expected] of bad) {
  test(`refuses ${text.trim()} in ${path}`, () => {
    assertTellsApart(privatePaths, { bad: { [path]: text }, expected, good });
  });
}
