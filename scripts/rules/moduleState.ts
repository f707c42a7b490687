import { findingAt, type Finding, type Rule } from './Rule.ts';
import { dottedName, isNode, type Node, type SourceFile } from './SourceFile.ts';

const COLLECTIONS = new Set(['Map', 'Set', 'WeakMap', 'WeakSet', 'LRUCache']);

/** Modules hold constants, never state; what they export has a name; index.ts only passes on, by name. */
export const moduleState: Rule = {
  name: 'module-state',
  check: (repository) => repository.sources.flatMap((file) => [...checkState(file), ...checkExports(file)]),
};

function checkState(file: SourceFile): Finding[] {
  const findings: Finding[] = [];
  for (const statement of file.program['body'] as Node[]) {
    const declaration = statement.type === 'ExportNamedDeclaration' ? statement['declaration'] : statement;
    if (!isNode(declaration) || declaration.type !== 'VariableDeclaration' || declaration['declare'] === true) continue;
    // A test file sets up what its tests share; a program is its own only instance.
    if (declaration['kind'] !== 'const' && !file.isProgram) {
      findings.push(findingAt(file, declaration.start, 'module-state', `module-level ${String(declaration['kind'])}: keep state in an instance`));
    }
    for (const { init, start } of declaration['declarations'] as (Node & { init: unknown })[]) {
      if (!file.isProgram && isEmptyCollection(init)) {
        findings.push(findingAt(file, start, 'module-state', 'an empty collection at module level is state: keep it in an instance'));
      }
    }
  }
  return findings;
}

function isEmptyCollection(init: unknown): boolean {
  return (
    isNode(init) &&
    init.type === 'NewExpression' &&
    COLLECTIONS.has(dottedName(init['callee']) ?? '') &&
    (init['arguments'] as unknown[]).length === 0
  );
}

function checkExports(file: SourceFile): Finding[] {
  const isIndex = file.path.endsWith('/src/index.ts');
  return (file.program['body'] as Node[]).flatMap((statement) => {
    if (statement.type === 'ExportDefaultDeclaration') return [findingAt(file, statement.start, 'module-state', 'default export: give it a name')];
    if (statement.type === 'ExportAllDeclaration') return [findingAt(file, statement.start, 'module-state', 'export *: name what is public')];
    const isPassedOn = statement.type === 'ExportNamedDeclaration' && isNode(statement['source']);
    if (isIndex && !isPassedOn) return [findingAt(file, statement.start, 'module-state', 'index.ts only re-exports, by name')];
    return [];
  });
}
