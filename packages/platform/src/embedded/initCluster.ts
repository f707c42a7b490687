import { spawn } from 'node:child_process';
import { chown, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NoaError } from '@noa/core';
import { folderError } from './prepareInstall.ts';
import type { Account } from './unprivilegedUser.ts';

export interface InitOptions {
  readonly nativePath: string;
  readonly clusterPath: string;
  readonly password: string;
  readonly account: Account | undefined;
  /** False skips the sync to disk: for data that may be lost with the power. Default true. */
  readonly isDurable?: boolean;
}

/** Role that owns everything in an embedded cluster. */
export const CLUSTER_USER = 'noa';

/**
 * Makes a data directory unless there is one. It appears whole or not at all: a crash in between leaves only a folder
 * that the next try removes.
 * @throws NoaError `EMBEDDED_VERSION_MISMATCH`, `DISK_FULL`, `DATA_UNWRITABLE`, `EMBEDDED_START_FAILED`.
 */
export async function initCluster(options: InitOptions, serverMajor: string): Promise<void> {
  const { clusterPath } = options;
  const passwordPath = `${clusterPath}.password`;
  await rm(passwordPath, { force: true });
  const made = (await readFile(join(clusterPath, 'PG_VERSION'), 'utf8').catch(() => undefined))?.trim();
  if (made === serverMajor) return;
  if (made !== undefined) {
    throw new NoaError('EMBEDDED_VERSION_MISMATCH', {
      message: `${clusterPath} was made by PostgreSQL ${made}, and this is ${serverMajor}; use another folder with --data, or move the data with ${made}'s own tools`,
    });
  }
  const beside = `${clusterPath}.new`;
  try {
    await rm(beside, { recursive: true, force: true });
    await mkdir(beside, { mode: 0o700 });
    await writeFile(passwordPath, options.password, { mode: 0o600, flag: 'wx' });
    const { account } = options;
    if (account !== undefined) for (const path of [beside, passwordPath]) await chown(path, account.uid, account.gid);
    await runInitdb({ ...options, clusterPath: beside }, passwordPath);
    await rename(beside, clusterPath);
  } catch (error) {
    throw folderError(clusterPath, error);
  } finally {
    await rm(passwordPath, { force: true });
  }
}

function runInitdb(options: InitOptions, passwordPath: string): Promise<void> {
  const { nativePath, clusterPath, account } = options;
  const args = ['-D', clusterPath, '-U', CLUSTER_USER, `--pwfile=${passwordPath}`, '-A', 'scram-sha-256', '-E', 'UTF8'];
  // The builtin provider sorts by code point: the same order on every machine, and the one that pages over shards merge by.
  args.push('--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--no-instructions');
  if (options.isDurable === false) args.push('--no-sync');
  const program = join(nativePath, 'bin', 'initdb');
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { LC_ALL: 'C', PATH: process.env['PATH'] ?? '' },
    cwd: '/',
    ...(account === undefined ? {} : { uid: account.uid, gid: account.gid }),
  });
  let words = '';
  const keep = (chunk: Buffer): void => {
    words = (words + chunk.toString()).slice(-4_000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  return new Promise((resolve, reject) => {
    child.once('error', (error) => {
      reject(new NoaError('EMBEDDED_START_FAILED', { message: `${program} cannot be run: ${error.message}`, cause: error }));
    });
    child.once('close', (code) => {
      if (code === 0) return resolve();
      reject(startFailure('initdb', words));
    });
  });
}

/** What PostgreSQL said last, as one of our codes. */
export function startFailure(program: string, words: string): NoaError {
  const tail = words.trim().split('\n').slice(-6).join('\n');
  if (/No space left on device|disk quota exceeded/i.test(words)) {
    return new NoaError('DISK_FULL', { message: `The disk is full: ${tail}\nFree some space or choose another folder with --data` });
  }
  if (/could not look up effective user ID/i.test(words)) {
    return new NoaError('EMBEDDED_ACCOUNT_MISSING', {
      message: `${tail}\nPostgreSQL wants its user to have a name: add the number to /etc/passwd, run as another user, or set NOA_DATABASE_URL`,
    });
  }
  if (/Permission denied/i.test(words)) {
    return new NoaError('DATA_UNWRITABLE', { message: `${program} may not write: ${tail}\nFix the rights or choose another folder with --data` });
  }
  if (/could not bind|Address already in use/i.test(words)) {
    return new NoaError('EMBEDDED_PORT_TAKEN', { message: `The port of a cluster is taken: ${tail}\nChoose other ports with --port-base` });
  }
  return new NoaError('EMBEDDED_START_FAILED', { message: `${program} failed: ${tail}` });
}
