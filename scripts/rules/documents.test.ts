import { test } from 'node:test';
import { assertTellsApart } from './breaks.ts';
import { documents } from './documents.ts';

const good = {
  'README.md': '[rows](docs/rows.md#top) [site](https://example.com) [here](#part)\n```\n[not a link](nowhere)\n```\n',
  'docs/rows.md': '| Row | Test |\n|---|---|\n| M1 | [leases](../packages/a/a.test.ts) |\n',
  'packages/a/a.test.ts': '',
  'docs/adr/README.md': '[1](0001-first.md)',
  'docs/adr/0001-first.md': '',
};

test('refuses a link to a file that does not exist', () => {
  assertTellsApart(documents, {
    bad: { ...good, 'ARCHITECTURE.md': '\n[map](docs/map.md)' },
    expected: /ARCHITECTURE\.md:2 the link docs\/map\.md/,
    good,
  });
});

test('refuses a decision that the list leaves out', () => {
  assertTellsApart(documents, { bad: { ...good, 'docs/adr/0002-second.md': '' }, expected: /0002-second\.md:1 is not in the list/, good });
});

test('refuses a delivered row without a test', () => {
  const bad = { ...good, 'docs/rows.md': `${good['docs/rows.md']}| Q1 | [queue](../packages/a/) |\n` };
  assertTellsApart(documents, { bad, expected: /rows\.md:4 a delivered row links the test/, good });
});
