import { chmod, mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { NoaError } from '@noa/core';

/** Where a system on this machine keeps everything: clusters, secrets, logs, state. */
export class DataFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  get logsPath(): string {
    return join(this.path, 'logs');
  }

  get secretsPath(): string {
    return join(this.path, 'secrets');
  }

  logPath(name: string): string {
    return join(this.logsPath, `${name}.log`);
  }

  /**
   * Makes the folder and its rooms and proves that they can be written.
   * @throws NoaError `DATA_UNWRITABLE` or `DISK_FULL`, naming the folder.
   */
  async open(): Promise<void> {
    try {
      // Others may pass through (PostgreSQL runs under another account when we are root) but not look around.
      await makeFolders(this.path, 0o711);
      await mkdir(this.logsPath, { recursive: true, mode: 0o700 });
      await mkdir(this.secretsPath, { recursive: true, mode: 0o700 });
      const probe = join(this.path, '.write-probe');
      await writeFile(probe, 'x'.repeat(4_096));
      await rm(probe);
    } catch (error) {
      throw dataError(this.path, error);
    }
  }

  /** @returns undefined when there is none, or it is not JSON. */
  async readJSON<T>(name: string): Promise<T | undefined> {
    const text = await readFile(join(this.path, name), 'utf8').catch(() => undefined);
    if (text === undefined) return undefined;
    try {
      return JSON.parse(text) as T;
    } catch {
      return undefined;
    }
  }

  /** Whole or not at all: written beside, synced, renamed. Readable by the owner only. */
  async writeJSON(name: string, value: unknown): Promise<void> {
    await this.writeText(name, `${JSON.stringify(value, null, 2)}\n`);
  }

  async writeText(name: string, text: string): Promise<void> {
    const target = join(this.path, name);
    const beside = `${target}.new`;
    try {
      const file = await open(beside, 'w', 0o600);
      try {
        await file.writeFile(text);
        await file.sync();
      } finally {
        await file.close();
      }
      await chmod(beside, 0o600);
      await rename(beside, target);
    } catch (error) {
      throw dataError(this.path, error);
    }
  }

  async remove(name: string): Promise<void> {
    await rm(join(this.path, name), { force: true });
  }
}

/** One folder after the other: Node's own recursive mkdir never returns where a parent exists and takes no children (/proc). */
async function makeFolders(path: string, mode: number): Promise<void> {
  if ((await stat(path).catch(() => undefined))?.isDirectory()) return;
  if (dirname(path) !== path) await makeFolders(dirname(path), 0o755);
  await mkdir(path, { mode }).catch((error: { code?: string }) => {
    // A file in its place fails at the first use, by name; another starter may have been faster.
    if (error.code !== 'EEXIST') throw error;
  });
}

function dataError(path: string, error: unknown): NoaError {
  const code = error instanceof Error ? (error as { code?: string }).code : undefined;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new NoaError('DISK_FULL', { message: `The disk of ${path} is full; free some space or choose another folder with --data`, cause: error });
  }
  return new NoaError('DATA_UNWRITABLE', {
    message: `The data folder ${path} cannot be written (${code ?? 'unknown reason'}); fix its rights or choose another with --data`,
    cause: error,
  });
}
