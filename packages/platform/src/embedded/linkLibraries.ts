import { lstat, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';

interface LibraryLink {
  /** Existing file, relative to the package: `native/lib/libpq.so.5.18`. */
  readonly source: string;
  /** Name that the loader asks for: `native/lib/libpq.so.5`. */
  readonly target: string;
}

/**
 * Makes the shared-library links that the package's install script would make: npm packages cannot carry links, and
 * npm 12 blocks the script. Does nothing where they are; replaces what leads nowhere. Each link appears by a rename, so
 * a server that starts meanwhile finds the old one or the new one.
 * @param nativePath - the package's folder `native`, or a copy of it under any name.
 * @returns the number of links made.
 */
export async function linkLibraries(nativePath: string): Promise<number> {
  const text = await readFile(join(nativePath, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const inNative = (path: string): string => join(nativePath, path.replace(/^native\//, ''));
  let made = 0;
  for (const { source, target } of JSON.parse(text) as LibraryLink[]) {
    const link = inNative(target);
    if (await leadsToLibrary(link)) continue;
    const beside = `${link}.${process.pid}.new`;
    await rm(beside, { force: true });
    await symlink(relative(dirname(link), inNative(source)), beside);
    await rename(beside, link);
    made += 1;
  }
  return made;
}

async function leadsToLibrary(link: string): Promise<boolean> {
  if ((await lstat(link).catch(() => undefined)) === undefined) return false;
  const file = await stat(link).catch(() => undefined);
  return file !== undefined && file.isFile() && file.size > 0;
}
