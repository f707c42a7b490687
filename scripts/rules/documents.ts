import { posix } from 'node:path';
import type { Finding, Rule } from './Rule.ts';
import type { Repository } from './Repository.ts';

const ADR_FOLDER = 'docs/adr/';
const ROWS_PAGE = 'docs/rows.md';

/** Links in our pages lead somewhere, every decision is in the list, every delivered row names a test. */
export const documents: Rule = {
  name: 'documents',
  check: (repository) => [...checkLinks(repository), ...checkDecisions(repository), ...checkRows(repository)],
};

/** `[text](target)` of every page, outside fenced code. */
function* linksOf(text: string): Generator<{ target: string; line: number }> {
  let isCode = false;
  for (const [index, line] of text.split('\n').entries()) {
    if (/^\s*```/.test(line)) isCode = !isCode;
    if (isCode) continue;
    for (const match of line.matchAll(/\]\(([^)\s]+)(?:\s+"[^"]*")?\)/g)) yield { target: match[1] as string, line: index + 1 };
  }
}

function checkLinks(repository: Repository): Finding[] {
  const findings: Finding[] = [];
  for (const [path, text] of repository.texts) {
    if (!path.endsWith('.md')) continue;
    for (const { target, line } of linksOf(text)) {
      if (/^(https?:|mailto:|#)/.test(target)) continue;
      const file = posix.join(posix.dirname(path), decodeURIComponent(target.split('#')[0] ?? ''));
      if (!repository.has(file)) findings.push({ path, line, rule: 'documents', message: `the link ${target} leads nowhere` });
    }
  }
  return findings;
}

function checkDecisions(repository: Repository): Finding[] {
  const list = repository.texts.get(`${ADR_FOLDER}README.md`) ?? '';
  return [...repository.texts.keys()]
    .filter((path) => path.startsWith(ADR_FOLDER) && /\/\d{4}-[^/]+\.md$/.test(path) && !list.includes(posix.basename(path)))
    .map((path) => ({ path, line: 1, rule: 'documents', message: `is not in the list ${ADR_FOLDER}README.md` }));
}

/** A table row `| M1 | … |` is a delivered row; it links at least one test. */
function checkRows(repository: Repository): Finding[] {
  const text = repository.texts.get(ROWS_PAGE);
  if (text === undefined) return [];
  return text.split('\n').flatMap((line, index) => {
    if (!/^\| *[A-Z]{1,2}\d+/.test(line)) return [];
    const targets = [...linksOf(line)].map(({ target }) => target);
    if (targets.some((target) => /\.(test|conformance)\.ts/.test(target) || target.includes('acceptance/'))) return [];
    return [{ path: ROWS_PAGE, line: index + 1, rule: 'documents', message: 'a delivered row links the test that shows it' }];
  });
}
