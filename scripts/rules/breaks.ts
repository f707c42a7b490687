import assert from 'node:assert/strict';
import { Repository } from './Repository.ts';
import type { Rule } from './Rule.ts';

/** What a rule says of made-up files, as `path:line message`. */
export function findings(rule: Rule, files: Readonly<Record<string, string>>): string[] {
  return rule.check(new Repository(files)).map(({ path, line, message }) => `${path}:${line} ${message}`);
}

/** The rule finds exactly one thing in the bad files, matching `expected`, and nothing in the good ones. */
export function assertTellsApart(
  rule: Rule,
  options: { bad: Readonly<Record<string, string>>; expected: RegExp; good: Readonly<Record<string, string>> },
): void {
  const found = findings(rule, options.bad);
  assert.equal(found.length, 1, `expected one finding, got: ${found.join('\n') || 'none'}`);
  assert.match(found[0] as string, options.expected);
  assert.deepEqual(findings(rule, options.good), []);
}

/** A manifest for made-up packages. */
export function manifest(name: string, dependencies: readonly string[] = [], exports: Readonly<Record<string, string>> = {}): string {
  return JSON.stringify({
    name,
    dependencies: Object.fromEntries(dependencies.map((dependency) => [dependency, '1'])),
    exports: { '.': './src/index.ts', ...exports },
  });
}
