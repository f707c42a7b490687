import { NoaError, type Clock, type Stoppable } from '@noa/core';
import type { RegistryCapabilities } from '../capabilities.ts';
import type { Instance, InstanceStatus } from '../Instance.ts';
import type { RegistryProvider, RegistrySnapshot } from '../providers/RegistryProvider.ts';

interface Entry {
  readonly instance: Instance;
  readonly leaseMs: number;
  readonly expiresMs: number;
}

/** A registry in memory that can be taken away, for tests. */
export class MemoryProvider implements RegistryProvider {
  readonly capabilities: RegistryCapabilities;
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  readonly #watchers = new Set<() => void>();
  #revision = 0;
  /** Every call fails while true. */
  isDown = false;
  /** Names of the calls that arrived, failed ones too. */
  readonly calls: string[] = [];

  constructor(clock: Clock, capabilities: Partial<RegistryCapabilities> = {}) {
    this.#clock = clock;
    this.capabilities = { provider: 'memory', registration: true, watch: true, leases: true, ...capabilities };
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {}

  /** Replaces everything at once, without a hint. */
  set(instances: readonly Instance[]): void {
    this.#entries.clear();
    for (const instance of instances) this.#entries.set(instance.id, { instance, leaseMs: Infinity, expiresMs: Infinity });
    this.#revision += 1;
  }

  hint(): void {
    for (const watcher of this.#watchers) watcher();
  }

  async register(instance: Instance, options: { leaseMs: number }): Promise<void> {
    this.#call('register');
    this.#put({ instance, leaseMs: options.leaseMs, expiresMs: this.#clock.monotonicMs() + options.leaseMs });
  }

  async renew(id: string): Promise<boolean> {
    this.#call('renew');
    const entry = this.#live(id);
    if (entry === undefined) return false;
    this.#entries.set(id, { ...entry, expiresMs: this.#clock.monotonicMs() + entry.leaseMs });
    return true;
  }

  async setStatus(id: string, status: InstanceStatus): Promise<boolean> {
    this.#call('setStatus');
    const entry = this.#live(id);
    if (entry === undefined) return false;
    this.#put({ ...entry, instance: { ...entry.instance, status } });
    return true;
  }

  async deregister(id: string): Promise<void> {
    this.#call('deregister');
    this.#entries.delete(id);
    this.#changed();
  }

  async list(): Promise<RegistrySnapshot> {
    this.#call('list');
    const ids = [...this.#entries.keys()].toSorted();
    const instances = ids.flatMap((id) => this.#live(id)?.instance ?? []);
    return { instances, revision: `${this.#revision} ${instances.length}` };
  }

  watch(onHint: () => void): Stoppable {
    this.#watchers.add(onHint);
    onHint();
    return { stop: async () => void this.#watchers.delete(onHint) };
  }

  #live(id: string): Entry | undefined {
    const entry = this.#entries.get(id);
    return entry !== undefined && entry.expiresMs >= this.#clock.monotonicMs() ? entry : undefined;
  }

  #put(entry: Entry): void {
    this.#entries.set(entry.instance.id, entry);
    this.#changed();
  }

  #changed(): void {
    this.#revision += 1;
    this.hint();
  }

  #call(name: string): void {
    this.calls.push(name);
    if (this.isDown) throw new NoaError('DATABASE_UNAVAILABLE', { message: 'the registry is away', retryable: true, httpStatus: 503 });
  }
}
