import { Pool } from 'undici';
import type { Clock, Stoppable } from '@noa/core';

/** Connections to one instance; beyond it requests wait in the pool, bounded by the gateway's exchanges in progress. */
const CONNECTIONS_MAX = 256;
/** Below what services keep idle connections for (20 s by our kernel, 5 s by plain Node), so that we close first. */
const IDLE_MS = 4_000;
/** Taken off a server's own Keep-Alive hint. */
const IDLE_MARGIN_MS = 1_000;
/** A pool nobody used for so long is closed. */
const UNUSED_MS = 60_000;

interface Entry {
  readonly pool: Pool;
  usedMs: number;
}

/** One undici pool per instance address, made when first used and closed when the address falls out of use. */
export class UpstreamPools implements Stoppable {
  readonly #clock: Clock;
  readonly #connectTimeoutMs: number;
  readonly #entries = new Map<string, Entry>();
  #sweptMs = 0;

  constructor(options: { clock: Clock; connectTimeoutMs: number }) {
    this.#clock = options.clock;
    this.#connectTimeoutMs = options.connectTimeoutMs;
  }

  get size(): number {
    return this.#entries.size;
  }

  pool(host: string, port: number): Pool {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#sweptMs > UNUSED_MS) this.#sweep(nowMs);
    const key = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    const known = this.#entries.get(key);
    if (known !== undefined) {
      known.usedMs = nowMs;
      return known.pool;
    }
    const pool = new Pool(`http://${key}`, {
      connections: CONNECTIONS_MAX,
      pipelining: 1,
      allowH2: false,
      keepAliveTimeout: IDLE_MS,
      keepAliveMaxTimeout: IDLE_MS,
      keepAliveTimeoutThreshold: IDLE_MARGIN_MS,
      // Time is kept by the exchange's deadline alone.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: { timeout: this.#connectTimeoutMs, keepAlive: true },
    });
    this.#entries.set(key, { pool, usedMs: nowMs });
    return pool;
  }

  async stop(): Promise<void> {
    const pools = [...this.#entries.values()].map((entry) => entry.pool);
    this.#entries.clear();
    await Promise.all(pools.map((pool) => pool.destroy()));
  }

  #sweep(nowMs: number): void {
    this.#sweptMs = nowMs;
    for (const [key, entry] of this.#entries) {
      if (nowMs - entry.usedMs < UNUSED_MS || entry.pool.stats.running > 0 || entry.pool.stats.queued > 0) continue;
      this.#entries.delete(key);
      void entry.pool.close();
    }
  }
}
