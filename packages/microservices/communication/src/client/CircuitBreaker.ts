import type { Clock } from '@noa/core';

export const BreakerState = { Closed: 'closed', Open: 'open', HalfOpen: 'half-open' } as const;
export type BreakerState = (typeof BreakerState)[keyof typeof BreakerState];

export interface CircuitBreakerOptions {
  readonly clock: Clock;
  /** Failures in a row that open it. Default 5. */
  readonly failuresMax?: number;
  /** Share of failures in a window that opens it, 0..1. Default 0.5. */
  readonly failureRatioMax?: number;
  /** Calls a window needs before its share counts. Default 20. */
  readonly windowCallsMin?: number;
  /** Default 10000. */
  readonly windowMs?: number;
  /** Pause before a probe. Default 30000. */
  readonly openMs?: number;
  /** Probes in a row that close it. Default 2. */
  readonly successesToClose?: number;
}

/**
 * Stops calls to something that fails.
 *
 *   closed ──failures in a row, or share in a window──► open ──openMs──► half-open ──successes──► closed
 *                                                        ▲                  │
 *                                                        └─────failure──────┘
 *
 * Half-open lets one probe through at a time. A call that began before it opened proves nothing about now: its result is
 * ignored while open, and in half-open too where the caller says when it began. No allocation on the way of a call.
 */
export class CircuitBreaker {
  readonly #clock: Clock;
  readonly #failuresMax: number;
  readonly #failureRatioMax: number;
  readonly #windowCallsMin: number;
  readonly #windowMs: number;
  readonly #openMs: number;
  readonly #successesToClose: number;
  #state: BreakerState = BreakerState.Closed;
  #failuresInRow = 0;
  #successesInRow = 0;
  #windowStartMs = 0;
  #windowCalls = 0;
  #windowFailures = 0;
  #openUntilMs = 0;
  #isProbing = false;
  #openedMs = -Infinity;

  constructor(options: CircuitBreakerOptions) {
    this.#clock = options.clock;
    this.#failuresMax = options.failuresMax ?? 5;
    this.#failureRatioMax = options.failureRatioMax ?? 0.5;
    this.#windowCallsMin = options.windowCallsMin ?? 20;
    this.#windowMs = options.windowMs ?? 10_000;
    this.#openMs = options.openMs ?? 30_000;
    this.#successesToClose = options.successesToClose ?? 2;
    this.#windowStartMs = options.clock.monotonicMs();
  }

  get state(): BreakerState {
    if (this.#state === BreakerState.Open && this.#clock.monotonicMs() >= this.#openUntilMs) return BreakerState.HalfOpen;
    return this.#state;
  }

  /** Time until a probe may pass; 0 when calls pass. */
  get retryAfterMs(): number {
    return this.#state === BreakerState.Open ? Math.max(this.#openUntilMs - this.#clock.monotonicMs(), 0) : 0;
  }

  /** Whether a call may go now. Each `true` must be followed by `record`, or by `forget` when the call was not made. */
  allow(): boolean {
    if (this.#state === BreakerState.Closed) return true;
    if (this.#state === BreakerState.Open) {
      if (this.#clock.monotonicMs() < this.#openUntilMs) return false;
      this.#state = BreakerState.HalfOpen;
      this.#successesInRow = 0;
      this.#isProbing = false;
    }
    if (this.#isProbing) return false;
    this.#isProbing = true;
    return true;
  }

  /** Gives back an `allow` that was not used, or whose outcome says nothing (the caller went away). @param startedMs - as for `record`. */
  forget(startedMs = Infinity): void {
    if (startedMs > this.#openedMs) this.#isProbing = false;
  }

  /** @param startedMs - monotonic time at which the call began; absent: after it last opened. */
  record(ok: boolean, startedMs = Infinity): void {
    if (this.#state === BreakerState.Open || startedMs <= this.#openedMs) return;
    if (this.#state === BreakerState.HalfOpen) return this.#recordProbe(ok);
    this.#roll();
    this.#windowCalls += 1;
    if (ok) {
      this.#failuresInRow = 0;
      return;
    }
    this.#failuresInRow += 1;
    this.#windowFailures += 1;
    const isRatio = this.#windowCalls >= this.#windowCallsMin && this.#windowFailures >= this.#windowCalls * this.#failureRatioMax;
    if (this.#failuresInRow >= this.#failuresMax || isRatio) this.#open();
  }

  #recordProbe(ok: boolean): void {
    this.#isProbing = false;
    if (!ok) return this.#open();
    this.#successesInRow += 1;
    if (this.#successesInRow < this.#successesToClose) return;
    this.#state = BreakerState.Closed;
    this.#resetWindow();
  }

  #open(): void {
    this.#state = BreakerState.Open;
    this.#openedMs = this.#clock.monotonicMs();
    this.#openUntilMs = this.#openedMs + this.#openMs;
  }

  #roll(): void {
    if (this.#clock.monotonicMs() - this.#windowStartMs >= this.#windowMs) this.#resetWindow();
  }

  #resetWindow(): void {
    this.#windowStartMs = this.#clock.monotonicMs();
    this.#windowCalls = 0;
    this.#windowFailures = 0;
    this.#failuresInRow = 0;
  }
}
