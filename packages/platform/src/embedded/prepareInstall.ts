import { createHash } from 'node:crypto';
import { chmod, cp, lstat, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { NoaError, type Logger } from '@noa/core';
import { linkLibraries } from './linkLibraries.ts';
import type { PostgresBinaries } from './postgresBinaries.ts';
import { findClosedFolder, type Account } from './unprivilegedUser.ts';

/** Where clusters of a data folder go when the account of PostgreSQL cannot reach the folder itself (root's home is closed). */
const FALLBACK_HOME = '/var/lib/noa';

/** All places where the clusters of a data folder may be, the usual one first. */
export function postgresHomes(dataPath: string): readonly string[] {
  return [join(resolve(dataPath), 'postgres'), postgresFallbackHome(dataPath)];
}

export function postgresFallbackHome(dataPath: string): string {
  return join(FALLBACK_HOME, createHash('sha256').update(resolve(dataPath)).digest('hex').slice(0, 16));
}

/**
 * The folder for clusters: `<data>/postgres`, or one under /var/lib/noa named after the data folder when the account
 * may not pass through to it. When we are root the folder is root's and the account passes through it: what we write
 * there cannot be redirected by others who run under that account.
 * @throws NoaError `DATA_UNWRITABLE`, `DISK_FULL`.
 */
export async function preparePostgresHome(dataPath: string, account: Account | undefined, logger: Logger): Promise<string> {
  let home = join(dataPath, 'postgres');
  try {
    await mkdir(dataPath, { recursive: true, mode: 0o711 });
    const closed = account === undefined ? undefined : await openDataFolder(dataPath, account);
    if (closed !== undefined) {
      home = postgresFallbackHome(dataPath);
      logger.info({ closed, home }, 'the account of PostgreSQL cannot pass through a folder; its clusters live elsewhere');
      await mkdir(FALLBACK_HOME, { recursive: true, mode: 0o711 });
    }
    await mkdir(home, { recursive: true, mode: 0o700 });
    const { uid } = await stat(home);
    if (account !== undefined && uid === 0) await chmod(home, 0o711);
    return home;
  } catch (error) {
    throw folderError(home, error);
  }
}

/** Lets the account pass through the data folder itself, not look around in it. @returns a folder above it that is closed. */
async function openDataFolder(dataPath: string, account: Account): Promise<string | undefined> {
  const closed = await findClosedFolder(dataPath, account);
  if (closed !== dataPath) return closed;
  await chmod(dataPath, ((await stat(dataPath)).mode & 0o777) | 0o011);
  return findClosedFolder(dataPath, account);
}

/** The native folder to run from: the package's own, or a copy in `home` when it is out of reach or cannot be repaired. */
export async function prepareBinaries(binaries: PostgresBinaries, home: string, account: Account | undefined): Promise<string> {
  const closed = account === undefined ? undefined : await findClosedFolder(join(binaries.nativePath, 'bin', 'postgres'), account);
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
    await copyBinaries(binaries.nativePath, copy);
    return copy;
  } catch (error) {
    throw folderError(home, error);
  }
}

/** Appears whole, by a rename; of two starters at once the first one's copy stays. */
async function copyBinaries(nativePath: string, copy: string): Promise<void> {
  const beside = `${copy}.${process.pid}.new`;
  await rm(beside, { recursive: true, force: true });
  await cp(nativePath, beside, { recursive: true, verbatimSymlinks: true });
  await linkLibraries(beside);
  await openTree(beside);
  await rename(beside, copy).catch(async (error: { code?: string }) => {
    await rm(beside, { recursive: true, force: true });
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
  });
}

/** Lets everybody read and run: an install under umask 077 is readable by its maker only. */
async function openTree(path: string): Promise<void> {
  await chmod(path, 0o755);
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
    if (entry.isSymbolicLink()) continue;
    const file = join(entry.parentPath, entry.name);
    const isRunnable = entry.isDirectory() || ((await stat(file)).mode & 0o100) !== 0;
    await chmod(file, isRunnable ? 0o755 : 0o644);
  }
}

/** Not ours to write; or something else is where the folder should be. */
const REFUSALS = ['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST', 'ENOTEMPTY'];

/** File-system refusals with the way out. */
export function folderError(path: string, error: unknown): unknown {
  const code = (error as { code?: string }).code;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new NoaError('DISK_FULL', { message: `The disk of ${path} is full; free some space or choose another folder with --data`, cause: error });
  }
  if (code !== undefined && REFUSALS.includes(code)) {
    return new NoaError('DATA_UNWRITABLE', {
      message: `${path} cannot be written (${code}); fix its rights or choose another folder with --data`,
      cause: error,
    });
  }
  return error;
}
