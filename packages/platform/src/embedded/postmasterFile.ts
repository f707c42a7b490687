import { readFile, readlink, realpath, rm, stat } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { startTicksOf } from '../data/processIdentity.ts';

/** What postmaster.pid says. Source: PostgreSQL's miscadmin.h, "LOCK_FILE_LINE_*". */
export interface PostmasterFile {
  readonly pid: number;
  readonly dataPath: string;
  readonly port: number;
  /** `ready`, `starting`, `stopping`, `standby`; '' when not written yet. */
  readonly status: string;
}

/** Whose the lock file of a data directory is. */
export type LockOwner =
  /** No lock file, or the process it names is gone: a server starting there sees to it. */
  | { readonly kind: 'nobody' }
  /** A server of this directory runs. */
  | { readonly kind: 'server'; readonly file: PostmasterFile; readonly startTicks: string }
  /** The file is damaged, or its number belongs to another process now: a server would refuse to start over it. */
  | { readonly kind: 'stranger' };

const LOCK_FILE = 'postmaster.pid';

/** Reads the lock file of a data directory; undefined when there is none or it is not whole. */
export async function readPostmasterFile(dataPath: string): Promise<PostmasterFile | undefined> {
  const text = await readFile(join(dataPath, LOCK_FILE), 'utf8').catch(() => '');
  const lines = text.split('\n').map((line) => line.trim());
  const pid = Number(lines[0]);
  const port = Number(lines[3]);
  if (!Number.isInteger(pid) || pid <= 0 || !Number.isInteger(port) || lines[3] === '') return undefined;
  return { pid, dataPath: lines[1] ?? '', port, status: lines[7] ?? '' };
}

/** Tells who holds the directory. A process number alone proves nothing: after a reboot it may be anybody's. */
export async function findLockOwner(clusterPath: string): Promise<LockOwner> {
  const file = await readPostmasterFile(clusterPath);
  if (file === undefined) {
    const isThere = (await stat(join(clusterPath, LOCK_FILE)).catch(() => undefined)) !== undefined;
    return { kind: isThere ? 'stranger' : 'nobody' };
  }
  const startTicks = startTicksOf(file.pid);
  // A dead process that nobody has waited for still has its number, and a server would take it for a living one.
  if (startTicks === undefined) return { kind: hasNumber(file.pid) ? 'stranger' : 'nobody' };
  return (await isServing(file.pid, clusterPath)) ? { kind: 'server', file, startTicks } : { kind: 'stranger' };
}

function hasNumber(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: string }).code === 'EPERM';
  }
}

/**
 * Removes a lock file whose owner is a stranger. The server's own second guard stays: it finds shared memory that is
 * still in use by the directory's inode, whatever the file says.
 */
export async function removeStrangersLock(clusterPath: string): Promise<void> {
  await rm(join(clusterPath, LOCK_FILE), { force: true });
}

/** A server's working directory is its data directory; without /proc its command line tells. */
async function isServing(pid: number, clusterPath: string): Promise<boolean> {
  const path = await realpath(clusterPath).catch(() => clusterPath);
  const workingPath = await readlink(`/proc/${pid}/cwd`).catch(() => undefined);
  if (workingPath !== undefined) return workingPath === path;
  const command = commandOf(pid, await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => undefined));
  return command.includes('postgres') && (command.includes(path) || command.includes(clusterPath));
}

function commandOf(pid: number, fromProc: string | undefined): string {
  if (fromProc !== undefined) return fromProc;
  try {
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
  } catch {
    return '';
  }
}
