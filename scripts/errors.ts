import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERRORS_PAGE, readErrorTables, renderErrorsPage } from './rules/errorTables.ts';
import { Repository } from './rules/Repository.ts';

/** `node scripts/errors.ts [--write]`: prints docs/errors.md as it should be, or writes it. */
function main(root: string, args: readonly string[]): void {
  const page = renderErrorsPage(readErrorTables(Repository.read(root)));
  if (!args.includes('--write')) {
    process.stdout.write(page);
    return;
  }
  const path = join(root, ERRORS_PAGE);
  const isSame = readOrEmpty(path) === page;
  if (!isSame) writeFileSync(path, page);
  process.stdout.write(`${ERRORS_PAGE} ${isSame ? 'is up to date' : 'written'}\n`);
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

if (import.meta.main) main(join(import.meta.dirname, '..'), process.argv.slice(2));
