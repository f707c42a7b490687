import { test } from 'node:test';
import { assertTellsApart } from './breaks.ts';
import { lockfile } from './lockfile.ts';

const withPackages = (packages: Readonly<Record<string, unknown>>) => ({ 'package-lock.json': JSON.stringify({ packages }) });
const linter = { optionalDependencies: { '@linter/linux': '1.0.0', '@linter/darwin': '1.0.0' } };

test('refuses a lockfile that leaves out the optional package of another platform', () => {
  assertTellsApart(lockfile, {
    bad: withPackages({ 'node_modules/linter': linter, 'node_modules/@linter/linux': {} }),
    expected: /node_modules\/linter names @linter\/darwin/,
    good: withPackages({ 'node_modules/linter': linter, 'node_modules/@linter/linux': {}, 'node_modules/@linter/darwin': {} }),
  });
});
