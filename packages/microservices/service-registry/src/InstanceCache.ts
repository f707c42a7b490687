import { readFile, rename, writeFile } from 'node:fs/promises';
import type { Instance } from './Instance.ts';

/** The last list of instances on disk, for a start while the registry is down. */
export class InstanceCache {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Empty when there is none or it is broken: a cache is never a reason not to start. */
  async read(): Promise<readonly Instance[]> {
    try {
      const value: unknown = JSON.parse(await readFile(this.#path, 'utf8'));
      return Array.isArray(value) ? (value as Instance[]) : [];
    } catch {
      return [];
    }
  }

  async write(instances: readonly Instance[]): Promise<void> {
    const beside = `${this.#path}.new`;
    await writeFile(beside, JSON.stringify(instances), { mode: 0o600 });
    await rename(beside, this.#path);
  }
}
