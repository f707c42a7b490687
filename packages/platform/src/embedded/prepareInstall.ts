import { createHash } from 'node:crypto';
import { chmod, chown, cp, lstat, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { NoaError, type Logger } from '@noa/core';
import { linkLibraries } from './linkLibraries.ts';
import type { PostgresBinaries } from './postgresBinaries.ts';
import { findClosedFolder, type Account } from './unprivilegedUser.ts';

/** Where clusters of a data folder go when the account of PostgreSQL cannot reach the folder itself (root's home is closed). */
const FALLBACK_HOME = '/var/lib/noa';

/**
 * The folder for clusters: `<data>/postgres`, or one under /var/lib/noa named after the data folder when the account
 * may not pass through to it.
 */
export async function preparePostgresHome(dataPath: string, account: Account | undefined, logger: Logger): Promise<string> {
  let home = join(dataPath, 'postgres');
  try {
    await mkdir(dataPath, { recursive: true, mode: 0o711 });
    const closed = account === undefined ? undefined : await findClosedFolder(dataPath, account);
    if (closed !== undefined) {
      home = postgresFallbackHome(dataPath);
      logger.info({ closed, home }, 'the account of PostgreSQL cannot pass through a folder; its clusters live elsewhere');
      await mkdir(FALLBACK_HOME, { recursive: true, mode: 0o711 });
    }
    await mkdir(home, { recursive: true, mode: 0o700 });
    await chmod(home, 0o700);
    if (account !== undefined) await chown(home, account.uid, account.gid);
    return home;
  } catch (error) {
    throw folderError(home, error);
  }
}

export function postgresFallbackHome(dataPath: string): string {
  return join(FALLBACK_HOME, createHash('sha256').update(dataPath).digest('hex').slice(0, 16));
}

/** The native folder to run from: the package's own, or a copy in `home` when it is out of reach or cannot be repaired. */
export async function prepareBinaries(binaries: PostgresBinaries, home: string, account: Account | undefined): Promise<string> {
  const closed = account === undefined ? undefined : await findClosedFolder(join(binaries.nativePath, 'bin'), account);
  if (closed === undefined) {
    try {
      await linkLibraries(binaries.nativePath);
      return binaries.nativePath;
    } catch (error) {
      const code = (error as { code?: string }).code;
      if (code !== 'EACCES' && code !== 'EROFS' && code !== 'EPERM') throw folderError(binaries.nativePath, error);
    }
  }
  const copy = join(home, `native-${binaries.version}`);
  if ((await lstat(copy).catch(() => undefined)) !== undefined) return copy;
  try {
    const beside = `${copy}.${process.pid}`;
    await cp(binaries.nativePath, beside, { recursive: true, verbatimSymlinks: true });
    await linkLibraries(beside);
    await chmod(beside, 0o755);
    await rename(beside, copy).catch(async (error: { code?: string }) => {
      await rm(beside, { recursive: true, force: true });
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
    return copy;
  } catch (error) {
    throw folderError(home, error);
  }
}

/** File-system refusals with the way out. */
export function folderError(path: string, error: unknown): unknown {
  const code = (error as { code?: string }).code;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new NoaError('DISK_FULL', { message: `The disk of ${path} is full; free some space or choose another folder with --data`, cause: error });
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS' || code === 'ENOTDIR' || code === 'EEXIST') {
    return new NoaError('DATA_UNWRITABLE', {
      message: `${path} cannot be written (${code}); fix its rights or choose another folder with --data`,
      cause: error,
    });
  }
  return error;
}
