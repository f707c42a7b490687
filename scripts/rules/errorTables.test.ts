import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertTellsApart, findings, manifest } from './breaks.ts';
import { errorTables, readErrorTables, renderErrorsPage } from './errorTables.ts';
import { Repository } from './Repository.ts';

const table = (...codes: string[]): string =>
  `export const A_ERRORS = { ${codes.map((code) => `${code}: 'What | to ' + 'check.'`).join(', ')} } as const;`;
const good = withPage({
  'packages/core/package.json': manifest('@noa/core'),
  'packages/core/src/errors.ts': table('NOT_FOUND'),
  'packages/a/package.json': manifest('@noa/a', ['@noa/core']),
  'packages/a/src/errors.ts': table('BROKEN', 'REFUSED'),
  'packages/a/src/a.ts': "throw new NoaError('BROKEN', {}); refuse('REFUSED'); throw new NoaError('NOT_FOUND', {});",
});

function withPage(files: Readonly<Record<string, string>>): Record<string, string> {
  return { ...files, 'docs/errors.md': renderErrorsPage(readErrorTables(new Repository(files))) };
}

test('refuses a thrown code that no table lists', () => {
  const bad = { ...good, 'packages/a/src/b.ts': "\nthrow new NoaError('SURPRISE', {});" };
  assertTellsApart(errorTables, { bad, expected: /b\.ts:2 throws SURPRISE/, good });
});

test('refuses a listed code that nothing throws, even when a test mentions it', () => {
  const files = { ...good, 'packages/a/src/errors.ts': table('BROKEN', 'REFUSED', 'GHOST'), 'packages/a/src/a.test.ts': "expect('GHOST')" };
  assertTellsApart(errorTables, { bad: withPage(files), expected: /GHOST is documented but nothing throws it/, good });
});

test('refuses one code in two tables, and a code without a text', () => {
  const twin = withPage({ ...good, 'packages/a/src/errors.ts': table('BROKEN', 'REFUSED', 'NOT_FOUND') });
  assertTellsApart(errorTables, { bad: twin, expected: /NOT_FOUND is also in packages\/(core|a)/, good });
  const empty = withPage({ ...good, 'packages/core/src/errors.ts': "export const C = { NOT_FOUND: '' } as const;" });
  assertTellsApart(errorTables, { bad: empty, expected: /NOT_FOUND has no text/, good });
});

test('refuses a page that differs from the tables', () => {
  assertTellsApart(errorTables, { bad: { ...good, 'docs/errors.md': '# Error codes\n' }, expected: /run node scripts\/errors\.ts --write/, good });
});

test('a code of a package below may be thrown on', () => {
  const above = { 'packages/b/package.json': manifest('@noa/b', ['@noa/a']), 'packages/b/src/b.ts': "throw new NoaError('BROKEN', {});" };
  assert.deepEqual(findings(errorTables, { ...good, ...above }), []);
});

test('the page escapes what would break its table', () => {
  assert.match(good['docs/errors.md'] ?? '', /\| `BROKEN` \| What \\\| to check\. \|/);
});
