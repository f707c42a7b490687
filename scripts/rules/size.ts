import { findingAt, type Finding, type Rule } from './Rule.ts';
import { walk, type SourceFile } from './SourceFile.ts';

/** A file beyond this holds more than one concept. */
export const FILE_LINES_MAX = 400;
/** A function beyond this does not fit a screen. */
export const FUNCTION_LINES_MAX = 70;

const FUNCTIONS = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']);

/** Files and functions stay small. A `describe` body, being a list of tests, may be long. */
export const size: Rule = {
  name: 'size',
  check: (repository) => repository.sources.flatMap((file) => [...checkFile(file), ...checkFunctions(file)]),
};

function checkFile(file: SourceFile): Finding[] {
  const lines = file.text.split('\n').length - 1;
  if (lines < FILE_LINES_MAX) return [];
  return [{ path: file.path, line: 1, rule: 'size', message: `has ${lines} lines; files stay under ${FILE_LINES_MAX}: one concept, one file` }];
}

function checkFunctions(file: SourceFile): Finding[] {
  const findings: Finding[] = [];
  if (file.text.split('\n').length < FUNCTION_LINES_MAX) return findings;
  walk(file.program, (node) => {
    if (!FUNCTIONS.has(node.type)) return;
    const lines = file.lineOf(node.end) - file.lineOf(node.start) + 1;
    if (lines < FUNCTION_LINES_MAX || isSuite(file, node.start)) return;
    findings.push(findingAt(file, node.start, 'size', `a function of ${lines} lines; functions stay under ${FUNCTION_LINES_MAX}`));
  });
  return findings;
}

/** Whether the function is what `describe(…)` or a conformance suite is given: a list of tests. */
function isSuite(file: SourceFile, start: number): boolean {
  return file.isTest && (/describe\([^\n]*$/.test(file.text.slice(0, start)) || file.path.endsWith('.conformance.ts'));
}
