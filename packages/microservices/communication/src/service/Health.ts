import { describeError, type Clock, type Logger } from '@noa/core';

/** One named check's last word. */
export interface CheckResult {
  readonly name: string;
  readonly isPassing: boolean;
  readonly durationMs: number;
  readonly reason?: string;
}

export interface HealthReport {
  readonly status: 'passing' | 'failing' | 'draining' | 'starting';
  readonly checks: readonly CheckResult[];
}

/** A check that has not answered by then has failed. */
const CHECK_TIMEOUT_MS = 2_000;

/**
 * What /health/* answer from. Liveness knows no dependency: it says that the event loop turns. Readiness runs the
 * checks. States: starting → serving → draining; draining is final and reads as not ready.
 */
export class Health {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #checks = new Map<string, () => Promise<void>>();
  #state: 'starting' | 'serving' | 'draining' = 'starting';

  constructor(options: { clock: Clock; logger: Logger }) {
    this.#clock = options.clock;
    this.#logger = options.logger;
  }

  add(name: string, check: () => Promise<void>): void {
    this.#checks.set(name, check);
  }

  serve(): void {
    if (this.#state === 'starting') this.#state = 'serving';
  }

  drain(): void {
    this.#state = 'draining';
  }

  get isStarted(): boolean {
    return this.#state !== 'starting';
  }

  get isDraining(): boolean {
    return this.#state === 'draining';
  }

  async report(): Promise<HealthReport> {
    const checks = await Promise.all([...this.#checks].map(([name, check]) => this.#run(name, check)));
    if (this.#state !== 'serving') return { status: this.#state, checks };
    return { status: checks.every((check) => check.isPassing) ? 'passing' : 'failing', checks };
  }

  async #run(name: string, check: () => Promise<void>): Promise<CheckResult> {
    const startedMs = this.#clock.monotonicMs();
    const elapsed = (): number => Math.round(this.#clock.monotonicMs() - startedMs);
    const timeout = new AbortController();
    try {
      const late = this.#clock.sleep(CHECK_TIMEOUT_MS, timeout.signal).then(() => {
        throw new Error(`no answer within ${CHECK_TIMEOUT_MS} ms`);
      });
      late.catch(() => undefined);
      await Promise.race([check(), late]);
      return { name, isPassing: true, durationMs: elapsed() };
    } catch (error) {
      // The reason may name hosts: it goes to the log; the answer names the check only.
      this.#logger.warn({ check: name, reason: describeError(error) }, 'a readiness check failed');
      return { name, isPassing: false, durationMs: elapsed(), reason: 'see the log of the service' };
    } finally {
      timeout.abort(new Error('the check has ended'));
    }
  }
}
