import { lstat, readFile, rm, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';

interface LibraryLink {
  /** Existing file, relative to the package: `native/lib/libpq.so.5.18`. */
  readonly source: string;
  /** Name that the loader asks for: `native/lib/libpq.so.5`. */
  readonly target: string;
}

/**
 * Makes the shared-library links that the package's install script would make: npm packages cannot carry links, and
 * npm 12 blocks the script. Does nothing where they are.
 * @returns the number of links made.
 */
export async function linkLibraries(nativePath: string): Promise<number> {
  const text = await readFile(join(nativePath, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const root = dirname(nativePath);
  let made = 0;
  for (const { source, target } of JSON.parse(text) as LibraryLink[]) {
    const link = join(root, target.replace(/^native\//, `${nativePath.slice(root.length + 1)}/`));
    const file = join(root, source.replace(/^native\//, `${nativePath.slice(root.length + 1)}/`));
    const found = await lstat(link).catch(() => undefined);
    if (found?.isSymbolicLink() || (found?.isFile() && found.size > 0)) continue;
    await rm(link, { force: true });
    await symlink(relative(dirname(link), file), link).catch((error: { code?: string }) => {
      // Somebody else starting at the same time was faster.
      if (error.code !== 'EEXIST') throw error;
    });
    made += 1;
  }
  return made;
}
