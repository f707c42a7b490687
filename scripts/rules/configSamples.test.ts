import { test } from 'node:test';
import { assertTellsApart, manifest } from './breaks.ts';
import { configSamples } from './configSamples.ts';

test('refuses a sample that no test of its package loads', () => {
  const files = { 'packages/a/package.json': manifest('@noa/a'), 'packages/a/config/shards.json': '{}' };
  assertTellsApart(configSamples, {
    bad: files,
    expected: /config\/shards\.json:1 no test of its package loads/,
    good: { ...files, 'packages/a/src/a.test.ts': "load('../config/shards.json')" },
  });
});
