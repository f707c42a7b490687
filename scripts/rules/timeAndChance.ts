import { findingAt, type Finding, type Rule } from './Rule.ts';
import { dottedName, walk, type Node, type SourceFile } from './SourceFile.ts';

const INSTEAD = {
  clock: 'take a Clock (now, monotonicMs, schedule, sleep) by constructor',
  random: 'take a Random by constructor',
} as const;

const SOURCES: Readonly<Record<string, string>> = {
  'Math.random': INSTEAD.random,
  'Date.now': INSTEAD.clock,
  'performance.now': INSTEAD.clock,
  'process.hrtime': INSTEAD.clock,
  setTimeout: INSTEAD.clock,
  setInterval: INSTEAD.clock,
  'globalThis.setTimeout': INSTEAD.clock,
  'globalThis.setInterval': INSTEAD.clock,
};

const MODULES = new Set(['node:timers', 'node:timers/promises']);

/** Outside core nobody reads the machine's clock or dice: tests move both. */
export const timeAndChance: Rule = {
  name: 'time-and-chance',
  check: (repository) => repository.sources.filter((file) => !file.path.startsWith('packages/core/')).flatMap(checkFile),
};

function checkFile(file: SourceFile): Finding[] {
  const findings = file.imports
    .filter(({ specifier }) => MODULES.has(specifier))
    .map(({ specifier, offset }) => findingAt(file, offset, 'time-and-chance', `${specifier}: ${INSTEAD.clock}`));
  walk(file.program, (node) => {
    const message = complaint(node);
    if (message !== undefined) findings.push(findingAt(file, node.start, 'time-and-chance', message));
  });
  return findings;
}

function complaint(node: Node): string | undefined {
  if (node.type === 'NewExpression' && dottedName(node['callee']) === 'Date' && (node['arguments'] as unknown[]).length === 0) {
    return `new Date() without an argument: ${INSTEAD.clock}`;
  }
  // A member is refused wherever it stands: `{ now: Date.now }` hands the machine's clock on.
  const name = node.type === 'MemberExpression' ? dottedName(node) : node.type === 'CallExpression' ? identifierOf(node['callee']) : undefined;
  return name !== undefined && Object.hasOwn(SOURCES, name) ? `${name}: ${SOURCES[name]}` : undefined;
}

/** The name of a plain identifier; members are seen on their own. */
function identifierOf(node: unknown): string | undefined {
  const name = dottedName(node);
  return name?.includes('.') === true ? undefined : name;
}
