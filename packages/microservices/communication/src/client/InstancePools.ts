import { Pool } from 'undici';
import type { Instance } from '@noa/service-registry';

/** Connections to one instance from one process. */
const CONNECTIONS_MAX = 32;
/** Calls that may wait for one of them; the next one goes elsewhere. */
const WAITING_MAX = 256;
/** Below the servers' keep-alive of 20 s: the client is the one that closes first. */
const IDLE_MS = 4_000;
const CONNECT_MS = 2_000;

/** A pool of connections per instance address; pools of instances that left are closed. */
export class InstancePools {
  readonly #pools = new Map<string, Pool>();
  /** Of instances that left, while calls to them last. */
  readonly #leaving = new Set<Pool>();

  get(instance: Instance): Pool {
    const origin = originOf(instance);
    let pool = this.#pools.get(origin);
    if (pool === undefined) {
      pool = new Pool(origin, { connections: CONNECTIONS_MAX, pipelining: 1, keepAliveTimeout: IDLE_MS, connect: { timeout: CONNECT_MS } });
      this.#pools.set(origin, pool);
    }
    return pool;
  }

  /** Whether so many calls wait for a connection to `instance` that another would only add to them. */
  isFull(instance: Instance): boolean {
    const pool = this.#pools.get(originOf(instance));
    return pool !== undefined && pool.stats.size >= CONNECTIONS_MAX + WAITING_MAX;
  }

  /** Closes pools that none of `instances` uses. */
  retain(instances: readonly Instance[]): void {
    const wanted = new Set(instances.map(originOf));
    for (const [origin, pool] of this.#pools) {
      if (wanted.has(origin)) continue;
      this.#pools.delete(origin);
      this.#leaving.add(pool);
      // Resolves when the last call has ended, or the pool is destroyed; it never rejects.
      void pool.close().then(() => this.#leaving.delete(pool));
    }
  }

  /** Breaks the calls that are in progress. */
  async close(): Promise<void> {
    await Promise.all([...this.#pools.values(), ...this.#leaving].map((pool) => pool.destroy()));
    this.#pools.clear();
  }
}

function originOf(instance: Instance): string {
  const host = instance.host.includes(':') ? `[${instance.host}]` : instance.host;
  return `http://${host}:${instance.port}`;
}
