import { posix } from 'node:path';
import type { Rule } from './Rule.ts';

/** A sample of a configuration that no test loads will be wrong one day. */
export const configSamples: Rule = {
  name: 'config-samples',
  check: (repository) =>
    [...repository.texts.keys()]
      .filter((path) => /^packages\/.*\/config\/[^/]+\.(json|ya?ml)$/.test(path) && !path.includes('/src/'))
      .filter((path) => {
        const folder = repository.packageOf(path)?.folder ?? '';
        return !repository.sources.some((file) => file.isTest && file.path.startsWith(folder) && file.text.includes(posix.basename(path)));
      })
      .map((path) => ({ path, line: 1, rule: 'config-samples', message: 'no test of its package loads this sample' })),
};
