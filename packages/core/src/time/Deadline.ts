import { NoaError } from '../errors/NoaError.ts';
import type { Clock } from './Clock.ts';

/** Header that carries what is left of the caller's time, in whole milliseconds. Relative, so clock skew cannot hurt. */
export const DEADLINE_HEADER = 'noa-timeout-ms';

/** No call may ask for more than this, 15 minutes. */
export const DEADLINE_MS_MAX = 900_000;

/** A point in monotonic time by which work must have ended; travels through HTTP and queue hops as what is left. */
export class Deadline {
  readonly #clock: Clock;
  readonly #atMs: number;

  private constructor(clock: Clock, atMs: number) {
    this.#clock = clock;
    this.#atMs = atMs;
  }

  /** @param timeoutMs - from now, 0..DEADLINE_MS_MAX (clamped). */
  static after(clock: Clock, timeoutMs: number): Deadline {
    const clamped = Math.min(Math.max(timeoutMs, 0), DEADLINE_MS_MAX);
    return new Deadline(clock, clock.monotonicMs() + clamped);
  }

  /** Reads the header; what is absent or malformed gives `fallbackMs`, and a longer wish is cut to `maxMs`. */
  static fromHeader(clock: Clock, value: string | undefined, fallbackMs: number, maxMs = DEADLINE_MS_MAX): Deadline {
    const asked = value !== undefined && /^\d{1,9}$/.test(value) ? Number(value) : fallbackMs;
    return Deadline.after(clock, Math.min(asked, maxMs));
  }

  /** Milliseconds left, never negative. */
  remainingMs(): number {
    return Math.max(this.#atMs - this.#clock.monotonicMs(), 0);
  }

  get isExpired(): boolean {
    return this.remainingMs() <= 0;
  }

  /** The earlier of this deadline and one `timeoutMs` from now. */
  atMost(timeoutMs: number): Deadline {
    const other = this.#clock.monotonicMs() + timeoutMs;
    return other < this.#atMs ? new Deadline(this.#clock, other) : this;
  }

  headerValue(): string {
    return String(Math.floor(this.remainingMs()));
  }

  /** @throws NoaError `DEADLINE_EXCEEDED` when no time is left. */
  check(): void {
    if (this.isExpired) {
      throw new NoaError('DEADLINE_EXCEEDED', { message: 'The time for this call ran out', retryable: true, httpStatus: 504 });
    }
  }
}
