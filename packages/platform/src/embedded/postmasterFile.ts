import { readFile } from 'node:fs/promises';
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

/** Reads the lock file of a data directory; undefined when there is none or it is not whole. */
export async function readPostmasterFile(dataPath: string): Promise<PostmasterFile | undefined> {
  const text = await readFile(join(dataPath, 'postmaster.pid'), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const lines = text.split('\n').map((line) => line.trim());
  const pid = Number(lines[0]);
  const port = Number(lines[3]);
  if (!Number.isInteger(pid) || pid <= 0 || !Number.isInteger(port)) return undefined;
  return { pid, dataPath: lines[1] ?? '', port, status: lines[7] ?? '' };
}

/**
 * True when the process of the file runs and is a PostgreSQL server: after a reboot the number may belong to anybody.
 * Where there is no /proc, any live process counts; the connection that follows tells.
 */
export async function isPostmasterAlive(file: PostmasterFile): Promise<boolean> {
  if (startTicksOf(file.pid) === undefined) return false;
  if (process.platform !== 'linux') return true;
  const command = await readFile(`/proc/${file.pid}/cmdline`, 'latin1').catch(() => '');
  return command.includes('postgres');
}
