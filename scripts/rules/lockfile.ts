import type { Finding, Rule } from './Rule.ts';

const LOCKFILE = 'package-lock.json';

interface Lockfile {
  readonly packages: Readonly<Record<string, { readonly optionalDependencies?: Readonly<Record<string, string>> }>>;
}

/** `npm ci` refuses a lockfile without the optional packages of other platforms; `npm install` may leave them out. */
export const lockfile: Rule = {
  name: 'lockfile',
  check: (repository) => {
    const text = repository.texts.get(LOCKFILE);
    if (text === undefined) return [];
    const { packages } = JSON.parse(text) as Lockfile;
    return Object.entries(packages).flatMap(([at, entry]): Finding[] =>
      Object.keys(entry.optionalDependencies ?? {})
        .filter((name) => packages[`node_modules/${name}`] === undefined && packages[`${at}/node_modules/${name}`] === undefined)
        .map((name) => ({
          path: LOCKFILE,
          line: 1,
          rule: 'lockfile',
          message: `${at || 'the root'} names ${name}, which the lockfile leaves out: npm ci will refuse it`,
        })),
    );
  },
};
