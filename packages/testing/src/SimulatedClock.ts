import { sleepWith, type Clock, type Timer } from '@noa/core';

interface PendingTimer {
  readonly atMs: number;
  readonly order: number;
  readonly callback: () => void;
}

/** A clock that moves only when told to. */
export class SimulatedClock implements Clock {
  readonly #startMs: number;
  readonly #timers = new Set<PendingTimer>();
  #elapsedMs = 0;
  #wallShiftMs = 0;
  #order = 0;

  /** @param startMs - wall time at the start, milliseconds since 1970. */
  constructor(startMs = 1_800_000_000_000) {
    this.#startMs = startMs;
  }

  now(): number {
    return this.#startMs + this.#elapsedMs + this.#wallShiftMs;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  /** Makes the wall clock jump without letting time pass. */
  jumpWall(shiftMs: number): void {
    this.#wallShiftMs += shiftMs;
  }

  schedule(delayMs: number, callback: () => void): Timer {
    this.#order += 1;
    const timer = { atMs: this.#elapsedMs + Math.max(delayMs, 0), order: this.#order, callback };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return sleepWith(this, delayMs, signal);
  }

  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** Lets `ms` pass: due timers fire in order, and promises settle between them. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#elapsedMs + ms;
    await settle();
    for (let next = this.#nextDue(untilMs); next !== undefined; next = this.#nextDue(untilMs)) {
      this.#timers.delete(next);
      this.#elapsedMs = next.atMs;
      next.callback();
      await settle();
    }
    this.#elapsedMs = untilMs;
    await settle();
  }

  #nextDue(untilMs: number): PendingTimer | undefined {
    let best: PendingTimer | undefined;
    for (const timer of this.#timers) {
      if (timer.atMs > untilMs) continue;
      if (best === undefined || timer.atMs < best.atMs || (timer.atMs === best.atMs && timer.order < best.order)) best = timer;
    }
    return best;
  }
}

/** Two turns of the event loop: enough for chains of promises to run dry. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
}
