import type { Clock } from '@noa/core';

export interface RetryBudgetOptions {
  readonly clock: Clock;
  /** Retries allowed per request, on average. Default 0.2. */
  readonly ratio?: number;
  /** Retries per second that are always allowed: quiet clients may retry too. Default 10. */
  readonly floorPerSecond?: number;
}

/** Requests are remembered for about this long. */
const WINDOW_MS = 10_000;

/**
 * Bounds retries to a share of the traffic, so that a failing upstream does not get its load multiplied. A token bucket
 * fed by requests and by time. Source: Finagle's RetryBudget; the same numbers in Linkerd.
 */
export class RetryBudget {
  readonly #clock: Clock;
  readonly #ratio: number;
  readonly #floorPerSecond: number;
  #deposits = 0;
  #floor: number;
  #updatedMs: number;

  constructor(options: RetryBudgetOptions) {
    this.#clock = options.clock;
    this.#ratio = options.ratio ?? 0.2;
    this.#floorPerSecond = options.floorPerSecond ?? 10;
    this.#floor = this.#floorPerSecond;
    this.#updatedMs = options.clock.monotonicMs();
  }

  /** Counts a first try. */
  deposit(): void {
    this.#update();
    this.#deposits += this.#ratio;
  }

  /** Takes a retry's worth; false: do not retry. */
  withdraw(): boolean {
    this.#update();
    if (this.#deposits >= 1) {
      this.#deposits -= 1;
      return true;
    }
    if (this.#floor < 1) return false;
    this.#floor -= 1;
    return true;
  }

  #update(): void {
    const nowMs = this.#clock.monotonicMs();
    const elapsedMs = nowMs - this.#updatedMs;
    if (elapsedMs <= 0) return;
    this.#updatedMs = nowMs;
    this.#deposits *= Math.exp(-elapsedMs / WINDOW_MS);
    this.#floor = Math.min(this.#floorPerSecond, this.#floor + (elapsedMs / 1_000) * this.#floorPerSecond);
  }
}
