import { writeFile } from 'node:fs/promises';
import { renderConfigurationPage } from '@noa/platform';

/** Writes docs/configuration.md with `--write`; prints it otherwise. */
async function main(): Promise<void> {
  const page = renderConfigurationPage();
  if (process.argv.includes('--write')) await writeFile(new URL('../docs/configuration.md', import.meta.url), page);
  else process.stdout.write(page);
}

if (import.meta.main) await main();
