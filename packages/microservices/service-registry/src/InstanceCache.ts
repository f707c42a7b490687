import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Instance } from './Instance.ts';

/** The last list of instances on disk, for a start while the registry is down. */
export class InstanceCache {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** What of it has the form of an instance; empty when there is none or it is broken: a cache is never a reason not to start. */
  async read(): Promise<readonly Instance[]> {
    try {
      const value: unknown = JSON.parse(await readFile(this.#path, 'utf8'));
      return Array.isArray(value) ? value.filter(isInstance) : [];
    } catch {
      return [];
    }
  }

  async write(instances: readonly Instance[]): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true });
    // Two processes with one path must not write into one file.
    const beside = `${this.#path}.${process.pid}.new`;
    await writeFile(beside, JSON.stringify(instances), { mode: 0o600 });
    await rename(beside, this.#path);
  }
}

function isInstance(value: unknown): value is Instance {
  if (typeof value !== 'object' || value === null) return false;
  const { id, service, host, port, weight, status, routes } = value as Partial<Record<keyof Instance, unknown>>;
  const isNamed = [id, service, host, status].every((text) => typeof text === 'string');
  return isNamed && typeof port === 'number' && typeof weight === 'number' && Array.isArray(routes);
}
