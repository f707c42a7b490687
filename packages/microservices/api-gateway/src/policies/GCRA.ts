/** A limit: `1e9 / intervalNs` per second, `burst` at once. */
export interface GCRALimit {
  /** Nanoseconds one request costs, whole, so that sums are exact for 104 days of uptime. */
  readonly intervalNs: number;
  /** >= 1. */
  readonly burst: number;
}

export interface GCRAVerdict {
  readonly isAdmitted: boolean;
  /** Requests that would be admitted right now, after this one. */
  readonly remaining: number;
  /** Until all of the burst is there again. */
  readonly resetNs: number;
  /** Until one would be admitted; 0 when this one was. */
  readonly retryNs: number;
}

export function gcraLimit(requestsPerSecond: number, burst: number): GCRALimit {
  return { intervalNs: Math.max(1, Math.round(1e9 / requestsPerSecond)), burst };
}

/** Entries looked at to make room when the table is full. */
const EVICTION_PROBES = 16;

/**
 * Generic cell rate algorithm over a bounded table: one number per key, the theoretical arrival time (TAT) of the next
 * request if all came evenly. Admit when `now >= TAT - (burst - 1) * T`; then `TAT = max(now, TAT) + T`.
 *
 * A key whose TAT has passed is idle: forgetting it changes nothing. When the table is full, idle keys among the oldest
 * go first; when none of those looked at is idle, the one closest to idle goes and is counted in `forgotten`.
 * Source: ITU-T I.371 annex A (virtual scheduling).
 */
export class GCRA {
  readonly #keysMax: number;
  readonly #arrivals = new Map<string, number>();
  #forgotten = 0;

  constructor(options: { keysMax: number }) {
    this.#keysMax = options.keysMax;
  }

  get size(): number {
    return this.#arrivals.size;
  }

  /** Keys dropped while their debt was not paid. */
  get forgotten(): number {
    return this.#forgotten;
  }

  /** @param nowNs - monotonic, whole nanoseconds. */
  take(key: string, limit: GCRALimit, nowNs: number): GCRAVerdict {
    const { intervalNs, burst } = limit;
    const known = this.#arrivals.get(key);
    const arrival = Math.max(known ?? nowNs, nowNs);
    const toleranceNs = (burst - 1) * intervalNs;
    const earliest = arrival - toleranceNs;
    if (nowNs < earliest) return { isAdmitted: false, remaining: 0, resetNs: arrival - nowNs, retryNs: earliest - nowNs };
    if (known === undefined && this.#arrivals.size >= this.#keysMax) this.#makeRoom(nowNs);
    const next = arrival + intervalNs;
    this.#arrivals.set(key, next);
    return { isAdmitted: true, remaining: Math.floor((nowNs + burst * intervalNs - next) / intervalNs), resetNs: next - nowNs, retryNs: 0 };
  }

  #makeRoom(nowNs: number): void {
    let probes = 0;
    let victim: string | undefined;
    let victimArrival = Number.POSITIVE_INFINITY;
    for (const [key, arrival] of this.#arrivals) {
      if (arrival < victimArrival) [victim, victimArrival] = [key, arrival];
      probes += 1;
      if (arrival <= nowNs || probes >= EVICTION_PROBES) break;
      // Looked at and still in debt: to the back, so that the next search sees others.
      this.#arrivals.delete(key);
      this.#arrivals.set(key, arrival);
    }
    if (victim === undefined) return;
    this.#arrivals.delete(victim);
    if (victimArrival > nowNs) this.#forgotten += 1;
  }
}
