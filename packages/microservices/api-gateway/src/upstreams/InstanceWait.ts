import { fullJitterMs, type BackoffPolicy, type Clock, type Random, type Stoppable } from '@noa/core';
import type { PickedUpstream, Upstreams } from './Upstreams.ts';

/** Requests that wait for instances at once, over all services; the next is refused at once. */
const WAITERS_MAX = 1_000;
const BACKOFF: BackoffPolicy = { baseMs: 50, capMs: 400 };

/**
 * Holds requests back while a service has no instance that answers, so that a restart is a pause and not an error.
 *
 * A service's outage begins when a request first finds nobody and ends with the next response; requests wait only within
 * `waitMs` of its beginning. A service that stays away is therefore answered for at once, not 3 s later each time.
 */
export class InstanceWait implements Stoppable {
  readonly #upstreams: Upstreams;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #waitMs: number;
  readonly #outages = new Map<string, number>();
  readonly #wakers = new Set<() => void>();
  readonly #watch: Stoppable;

  constructor(options: { upstreams: Upstreams; clock: Clock; random: Random; waitMs: number }) {
    this.#upstreams = options.upstreams;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#waitMs = options.waitMs;
    this.#watch = options.upstreams.onChange(() => {
      for (const wake of this.#wakers) wake();
    });
  }

  async stop(): Promise<void> {
    await this.#watch.stop();
    for (const wake of this.#wakers) wake();
  }

  /** The service has answered. */
  noteAnswer(service: string): void {
    this.#outages.delete(service);
  }

  /** An instance as soon as there is one; undefined when the wait is over. `signal` ends it too. */
  async acquire(service: string, signal: AbortSignal): Promise<PickedUpstream | undefined> {
    const begunMs = this.#outages.get(service) ?? this.#clock.monotonicMs();
    this.#outages.set(service, begunMs);
    const nobody: ReadonlySet<string> = new Set();
    const leftMs = (): number => begunMs + this.#waitMs - this.#clock.monotonicMs();
    for (let attempt = 1; leftMs() > 0 && !signal.aborted && this.#wakers.size < WAITERS_MAX; attempt += 1) {
      await this.#pause(Math.min(leftMs(), 10 + fullJitterMs(BACKOFF, attempt, this.#random)), signal);
      if (signal.aborted) return undefined;
      const picked = this.#upstreams.acquire(service, nobody);
      if (picked !== undefined) return picked;
    }
    return undefined;
  }

  #pause(delayMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        timer.cancel();
        this.#wakers.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = this.#clock.schedule(delayMs, done, { keepAlive: false });
      this.#wakers.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }
}
