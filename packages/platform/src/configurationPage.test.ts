import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { renderConfigurationPage } from './configurationPage.ts';

test('docs/configuration.md says what the schemas say', async () => {
  const page = await readFile(new URL('../../../docs/configuration.md', import.meta.url), 'utf8');
  assert.equal(page, renderConfigurationPage(), 'run node scripts/configuration.ts --write');
});

test('every setting is on the page, secrets are marked and required ones say so', () => {
  const page = renderConfigurationPage();
  assert.match(page, /\| `NOA_DATABASE_URL`, `DATABASE_URL`, `POSTGRES_URL` \| a postgres:\/\/ URL \| \*\*required\*\* \|.* Secret\. \|/);
  assert.match(page, /\| `NOA_GATEWAY_PORT` \| an integer 0\.\.65535 \| `3000` \|/);
});
