import { posix } from 'node:path';
import { findingAt, type Finding, type Rule } from './Rule.ts';
import type { Repository, WorkspacePackage } from './Repository.ts';
import { dottedName, isNode, walk, type Node, type SourceFile } from './SourceFile.ts';

/** One documented code. */
export interface ErrorEntry {
  readonly code: string;
  readonly text: string;
  readonly owner: WorkspacePackage;
  readonly file: SourceFile;
  readonly offset: number;
}

/** Where docs/errors.md lies. */
export const ERRORS_PAGE = 'docs/errors.md';

/** Codes thrown are documented, documented codes are thrown, and docs/errors.md says the same. */
export const errorTables: Rule = {
  name: 'errors',
  check: (repository) => {
    const entries = readErrorTables(repository);
    return [...checkThrown(repository, entries), ...checkListed(repository, entries), ...checkPage(repository, entries)];
  },
};

/** All codes of all `errors.ts` files, in the order of packages and tables. */
export function readErrorTables(repository: Repository): ErrorEntry[] {
  return repository.sources
    .filter((file) => posix.basename(file.path) === 'errors.ts' && file.path.startsWith('packages/'))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1))
    .flatMap((file) => {
      const owner = repository.packageOf(file.path);
      return owner === undefined ? [] : tableEntries(file).map((entry) => ({ ...entry, owner, file }));
    });
}

function tableEntries(file: SourceFile): { code: string; text: string; offset: number }[] {
  const entries: { code: string; text: string; offset: number }[] = [];
  walk(file.program, (node) => {
    if (node.type !== 'Property' || !isNode(node['key'])) return;
    const key = node['key'];
    const code = key.type === 'Identifier' ? String(key['name']) : String(key['value']);
    if (/^[A-Z][A-Z0-9_]+$/.test(code)) entries.push({ code, text: constantText(node['value']), offset: node.start });
  });
  return entries;
}

/** The value of a string literal, a template without holes or a sum of these. */
function constantText(node: unknown): string {
  if (!isNode(node)) return '';
  if (node.type === 'Literal') return String(node['value']);
  if (node.type === 'BinaryExpression') return constantText(node['left']) + constantText(node['right']);
  if (node.type === 'TemplateLiteral') return (node['quasis'] as { value: { cooked: string } }[]).map((quasi) => quasi.value.cooked).join('');
  return '';
}

/** `new NoaError('CODE'` in sources → code and place. */
function thrownCodes(file: SourceFile): { code: string; offset: number }[] {
  const thrown: { code: string; offset: number }[] = [];
  if (!file.text.includes('NoaError(')) return thrown;
  walk(file.program, (node) => {
    if (node.type !== 'NewExpression' || dottedName(node['callee']) !== 'NoaError') return;
    const [first] = node['arguments'] as Node[];
    if (first?.type === 'Literal') thrown.push({ code: String(first['value']), offset: first.start });
  });
  return thrown;
}

function checkThrown(repository: Repository, entries: readonly ErrorEntry[]): Finding[] {
  const isCore = ({ owner }: ErrorEntry): boolean => owner.folder === 'packages/core';
  return repository.sources
    .filter((file) => file.path.startsWith('packages/') && !file.isTest)
    .flatMap((file) => {
      const owner = repository.packageOf(file.path);
      // A code keeps its meaning up the layers: the gateway answers with the token codes of communication.
      const isKnown = (entry: ErrorEntry): boolean => isCore(entry) || entry.owner === owner || owner?.dependencies.has(entry.owner.name) === true;
      const known = new Set(entries.filter(isKnown).map(({ code }) => code));
      return thrownCodes(file)
        .filter(({ code }) => !known.has(code))
        .map(({ code, offset }) => findingAt(file, offset, 'errors', `throws ${code}, which is not in ${owner?.folder}/src/errors.ts`));
    });
}

function checkListed(repository: Repository, entries: readonly ErrorEntry[]): Finding[] {
  return entries.flatMap((entry) => {
    const { owner, file, code, text, offset } = entry;
    const findings: Finding[] = [];
    if (text.trim() === '') findings.push(findingAt(file, offset, 'errors', `${code} has no text: when is it thrown, what to check?`));
    // Core's codes are for all packages; others are for their own. Codes may be handed to a helper, so any mention counts.
    const room = owner.folder === 'packages/core' ? 'packages/' : `${owner.folder}/`;
    const isThrown = repository.sources.some(
      (other) => other.path.startsWith(room) && !other.isTest && posix.basename(other.path) !== 'errors.ts' && mentions(other.text, code),
    );
    if (!isThrown) findings.push(findingAt(file, offset, 'errors', `${code} is documented but nothing throws it`));
    const twin = entries.find((other) => other.code === code && other !== entry);
    if (twin !== undefined && entries.indexOf(twin) < entries.indexOf(entry)) {
      findings.push(findingAt(file, offset, 'errors', `${code} is also in ${twin.file.path}: a code has one meaning`));
    }
    return findings;
  });
}

function mentions(text: string, code: string): boolean {
  return text.includes(`'${code}'`) || text.includes(`"${code}"`) || text.includes(`\`${code}\``);
}

/** The page as it should be. */
export function renderErrorsPage(entries: readonly ErrorEntry[]): string {
  const owners = [...new Set(entries.map(({ owner }) => owner))];
  const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
  const sections = owners.map((owner) => {
    const rows = entries.filter((entry) => entry.owner === owner).map(({ code, text }) => `| \`${code}\` | ${cell(text)} |`);
    return `## ${owner.name}\n\n| Code | When, and what to check |\n|---|---|\n${rows.join('\n')}\n`;
  });
  return `# Error codes\n\nGenerated from the \`errors.ts\` of each package by \`node scripts/errors.ts --write\`; do not edit.\nA code is stable: programs recognise an error by it, never by its message.\n\n${sections.join('\n')}`;
}

function checkPage(repository: Repository, entries: readonly ErrorEntry[]): Finding[] {
  if (entries.length === 0 || repository.texts.get(ERRORS_PAGE) === renderErrorsPage(entries)) return [];
  return [{ path: ERRORS_PAGE, line: 1, rule: 'errors', message: 'differs from the errors.ts tables; run node scripts/errors.ts --write' }];
}
