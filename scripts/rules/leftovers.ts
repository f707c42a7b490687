import type { Finding, Rule } from './Rule.ts';

// Written in parts, so that this file does not find itself.
const LEFTOVERS: readonly (readonly [RegExp, string])[] = [
  [new RegExp(`@ts-${'ignore|@ts-'}${'nocheck'}`), 'switches the type checker off: use a type that is true'],
  [new RegExp(`\\b(TO${'DO'}|FIX${'ME'}|X${'XX'})\\b`), 'is unfinished work: do it, or file an issue'],
  [new RegExp(`\\bas ${'any'}\\b`), 'gives the type up: use unknown and narrow it'],
];
const ONLY = new RegExp(`\\b(?:test|it|describe|suite)\\.${'only'}\\(|\\b${'only'}: true`);

/** Nothing that was meant to be temporary. */
export const leftovers: Rule = {
  name: 'leftovers',
  check: (repository) =>
    repository.sources
      .filter(({ path }) => !path.startsWith('scripts/rules/'))
      .flatMap(({ path, text, isTest }) =>
        text.split('\n').flatMap((line, index): Finding[] => {
          const at = { path, line: index + 1, rule: 'leftovers' };
          const found = LEFTOVERS.flatMap(([pattern, why]) => (pattern.test(line) ? [{ ...at, message: `${pattern.exec(line)?.[0]} ${why}` }] : []));
          if (isTest && ONLY.test(line)) found.push({ ...at, message: 'only leaves the other tests out' });
          return found;
        }),
      ),
};
