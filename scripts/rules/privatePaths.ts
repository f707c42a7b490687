import type { Finding, Rule } from './Rule.ts';

/** Folders of somebody's machine. */
const MACHINE_PATHS = /(?<![\w./-])\/(?:work|root|home\/\w+|Users\/\w+)\/[\w.-]+/;
/** The lockfile pins by integrity; where a package comes from is the business of each machine's npm. */
const RESOLVED_ELSEWHERE = /"resolved": "(?:git\+)?(?:https?|ssh|file):/;
/** What nobody may need to reach. */
const REGISTRY_HOSTS = /\bhttps?:\/\/(?:registry\.[\w.-]+|[\w.-]*(?:artifactory|verdaccio|nexus)[\w.-]*)/;

/** Nothing depends on one machine: no paths of it, no registry hosts. */
export const privatePaths: Rule = {
  name: 'private-paths',
  check: (repository) => {
    const findings: Finding[] = [];
    for (const [path, text] of repository.texts) {
      if (path.startsWith('scripts/rules/privatePaths')) continue;
      for (const [index, line] of text.split('\n').entries()) {
        const found = complaint(path, line);
        if (found !== undefined) findings.push({ path, line: index + 1, rule: 'private-paths', message: found });
      }
    }
    return findings;
  },
};

function complaint(path: string, line: string): string | undefined {
  if (path.endsWith('package-lock.json')) {
    return RESOLVED_ELSEWHERE.test(line) ? 'resolved names a host; install with omit-lockfile-registry-resolved=true' : undefined;
  }
  const found = MACHINE_PATHS.exec(line)?.[0] ?? REGISTRY_HOSTS.exec(line)?.[0];
  return found === undefined ? undefined : `${found} exists on one machine only`;
}
