import { findingAt, type Finding, type Rule } from './Rule.ts';
import { dottedName, isNode, walk, type Node, type SourceFile } from './SourceFile.ts';

const FUNCTIONS = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression', 'TSDeclareFunction']);

/** Calls that open, listen, wait or read: work. Pure constructions (schemas, tables, regular expressions) are free. */
const WORK =
  /^(fetch|setTimeout|setInterval|setImmediate|queueMicrotask|readFile(Sync)?|readdir(Sync)?|exec(File)?(Sync)?|spawn(Sync)?|fork|createServer|createConnection|connect\w*|loadConfig|createLogger|createMetrics|process\.\w+)$/;
const METHODS = /\.(on|once|listen|connect|addEventListener|start)$/;
const CLASSES = /^(Pool|Client|Server|WebSocketServer|Worker|Agent|EventEmitter)$/;

/** Loading a module does nothing: no environment, connection, listener, timer or file. Programs and tests are exempt. */
export const importTime: Rule = {
  name: 'import-time',
  check: (repository) => repository.sources.filter((file) => !file.isProgram).flatMap(checkFile),
};

function checkFile(file: SourceFile): Finding[] {
  const findings: Finding[] = [];
  const report = (node: Node, what: string): void => {
    findings.push(findingAt(file, node.start, 'import-time', `${what} while the module loads; do it in a function that a program calls`));
  };
  for (const statement of file.program['body'] as Node[]) {
    if (isGuardedMain(statement)) continue;
    walk(statement, (node) => {
      if (FUNCTIONS.has(node.type)) return false;
      // Methods and instance fields run later; only static ones run now.
      if ((node.type === 'MethodDefinition' || node.type === 'PropertyDefinition') && node['static'] !== true) return false;
      if (node.type.startsWith('TS') && node.type !== 'TSAsExpression' && node.type !== 'TSSatisfiesExpression') return false;
      const work = workOf(node);
      if (work !== undefined) report(node, work);
      return undefined;
    });
  }
  return findings;
}

function workOf(node: Node): string | undefined {
  if (node.type === 'AwaitExpression') return 'waits';
  if (node.type === 'MemberExpression' && dottedName(node) === 'process.env') return 'reads process.env';
  if (node.type === 'NewExpression') {
    const name = dottedName(node['callee']) ?? '';
    return CLASSES.test(name) ? `makes a ${name}` : undefined;
  }
  if (node.type !== 'CallExpression') return undefined;
  const name = dottedName(node['callee']) ?? '';
  return WORK.test(name) || METHODS.test(name) ? `calls ${name}` : undefined;
}

/** `if (import.meta.main) …`: runs only as a program. */
function isGuardedMain(statement: Node): boolean {
  return statement.type === 'IfStatement' && isNode(statement['test']) && dottedName(statement['test']) === 'import.meta.main';
}
