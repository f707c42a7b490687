import type { Clock } from '@noa/core';
import type { Instance } from '../Instance.ts';

/** What a balancer sees of an instance. */
export interface UpstreamView {
  readonly instance: Instance;
  /** Requests in progress from this process. */
  readonly inFlight: number;
  /** Peak-sensitive mean latency, decayed to now, in milliseconds. */
  latencyMs(): number;
  /** 0..1: share of traffic that a new instance may take so far. */
  warmth(): number;
}

/** After this time an old sample counts 1/e. Source: Finagle's and Linkerd's peak EWMA. */
const DECAY_MS = 10_000;
/** A failed request counts as one this slow, so that failing fast does not attract load. */
const PENALTY_MS = 1_000;
const SLOW_START_MS = 10_000;
/** A new instance is not starved: it never gets less than this share. */
const WARMTH_MIN = 0.1;

/** An instance with its measured load. */
export class Upstream implements UpstreamView {
  instance: Instance;
  readonly #clock: Clock;
  readonly #addedMs: number;
  readonly #isWarm: boolean;
  #ewmaMs = 0;
  #sampledMs: number;
  inFlight = 0;
  consecutiveFailures = 0;
  ejections = 0;
  /** Monotonic time until which it gets no requests. */
  ejectedUntilMs = 0;

  /** @param isWarm - known from the first list on: no slow start. */
  constructor(instance: Instance, clock: Clock, isWarm: boolean) {
    this.instance = instance;
    this.#clock = clock;
    this.#isWarm = isWarm;
    this.#addedMs = clock.monotonicMs();
    this.#sampledMs = this.#addedMs;
  }

  latencyMs(): number {
    return this.#ewmaMs * Math.exp(-(this.#clock.monotonicMs() - this.#sampledMs) / DECAY_MS);
  }

  warmth(): number {
    if (this.#isWarm) return 1;
    return Math.min(1, Math.max(WARMTH_MIN, (this.#clock.monotonicMs() - this.#addedMs) / SLOW_START_MS));
  }

  /** Jumps up to a slower sample at once, sinks slowly to faster ones. */
  record(ok: boolean, latencyMs: number): void {
    const sample = ok ? latencyMs : Math.max(latencyMs, PENALTY_MS);
    const nowMs = this.#clock.monotonicMs();
    const weight = Math.exp(-(nowMs - this.#sampledMs) / DECAY_MS);
    this.#ewmaMs = sample > this.#ewmaMs * weight ? sample : this.#ewmaMs * weight + sample * (1 - weight);
    this.#sampledMs = nowMs;
  }
}
