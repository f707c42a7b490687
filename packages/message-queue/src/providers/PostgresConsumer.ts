import { describeError, NoaError, Repeater, type Clock, type Logger, type Timer } from '@noa/core';
import type { ClaimedJob, PostgresJobs } from './PostgresJobs.ts';
import type { Consumer, ConsumeOptions, Outcome } from './QueueProvider.ts';

export interface PostgresConsumerOptions extends ConsumeOptions {
  readonly jobs: Pick<PostgresJobs, 'claim' | 'complete' | 'retry' | 'bury' | 'handBack' | 'touch' | 'nextDueMs'>;
  readonly queue: string;
  readonly leaseMs: number;
  /** Looks for work at least this often, should a notification be lost. */
  readonly backstopMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Running {
  readonly job: ClaimedJob;
  readonly abort: AbortController;
  /** Whose move it is: ours, or nobody's because the lease passed on or the drain gave it back. */
  isOurs: boolean;
  isSettling: boolean;
  done: Promise<void>;
}

/** Leases are renewed this often per lease, so that two lost renewals do no harm. */
const RENEWALS_PER_LEASE = 3;
/** Pause between tries to settle while the database is away. */
const SETTLE_RETRY_MS = 500;
/** What a handler gets between the abort and its message's hand-back. */
const ABORT_WAIT_MS = 1_000;

/**
 * Claims jobs of one queue, runs them, settles them.
 *
 * Job: claimed → running → settled (complete | retry | dead | handed back), each settled only while its epoch is the
 * current one. PostgreSQL is authoritative. Crash of this process: the lease runs out and a sweep frees the job. Database away:
 * outcomes are kept and tried for one lease, then dropped; the job will be delivered again.
 */
export class PostgresConsumer implements Consumer {
  readonly #options: PostgresConsumerOptions;
  /** One job may be here twice: its lost claim, whose handler has not ended yet, and a new one. */
  readonly #running = new Set<Running>();
  readonly #pump: Repeater;
  readonly #renewal: Repeater;
  readonly #acks: { job: ClaimedJob; resolve: (isOurs: boolean) => void; reject: (error: unknown) => void }[] = [];
  #dueTimer: Timer | undefined;
  #isFlushing = false;
  #isStopped = false;

  constructor(options: PostgresConsumerOptions) {
    const { clock, backstopMs, leaseMs, logger, queue } = options;
    this.#options = options;
    const warn = (what: string) => (error: unknown) => logger.warn({ queue, reason: describeError(error) }, `${what}; trying again`);
    this.#pump = new Repeater({ clock, intervalMs: backstopMs, run: () => this.#fill(), onError: warn('messages could not be claimed') });
    this.#renewal = new Repeater({
      clock,
      intervalMs: leaseMs / RENEWALS_PER_LEASE,
      run: () => this.#renew(),
      onError: warn('leases could not be renewed'),
    });
  }

  start(): void {
    this.#pump.start();
    this.#renewal.start({ delayFirst: true });
  }

  /** Something may be due. */
  wake(): void {
    if (!this.#isStopped) this.#pump.trigger();
  }

  async stop(graceMs: number): Promise<void> {
    this.#isStopped = true;
    this.#dueTimer?.cancel();
    await this.#pump.stop();
    await this.#settledWithin(graceMs);
    for (const { abort } of this.#running) abort.abort(new NoaError('ABORTED', { message: 'The worker is stopping', retryable: true }));
    await this.#settledWithin(ABORT_WAIT_MS);
    for (const running of [...this.#running].filter(({ isOurs }) => isOurs)) {
      running.isOurs = false;
      await this.#options.jobs.handBack(this.#options.queue, running.job).catch((error: unknown) => this.#abandon(running.job, error));
    }
    await this.#renewal.stop();
  }

  async #settledWithin(limitMs: number): Promise<void> {
    if (this.#running.size === 0) return;
    const { clock } = this.#options;
    let timer: Timer | undefined;
    const timeout = new Promise<void>((resolve) => (timer = clock.schedule(limitMs, resolve)));
    await Promise.race([timeout, Promise.all([...this.#running].map(({ done }) => done))]);
    timer?.cancel();
  }

  async #fill(): Promise<void> {
    const { jobs, queue, concurrency } = this.#options;
    this.#dueTimer?.cancel();
    for (;;) {
      const free = concurrency - this.#running.size;
      if (free <= 0 || this.#isStopped) return;
      const claimed = await jobs.claim(queue, free);
      for (const job of claimed) this.#run(job);
      if (claimed.length < free) break;
    }
    await this.#armDueTimer();
  }

  async #armDueTimer(): Promise<void> {
    const { jobs, queue, clock, backstopMs } = this.#options;
    const dueMs = await jobs.nextDueMs(queue);
    if (dueMs === undefined || dueMs > backstopMs || this.#isStopped) return;
    // A millisecond more, for the server compares with its own clock.
    this.#dueTimer = clock.schedule(Math.max(dueMs, 0) + 1, () => this.wake(), { keepAlive: false });
  }

  #run(job: ClaimedJob): void {
    const running: Running = { job, abort: new AbortController(), isOurs: true, isSettling: false, done: Promise.resolve() };
    this.#running.add(running);
    running.done = this.#deliver(running).finally(() => {
      this.#running.delete(running);
      this.wake();
    });
  }

  async #deliver(running: Running): Promise<void> {
    const { job, abort } = running;
    const outcome = await this.#options.onDelivery({ envelope: job.envelope, attempt: job.attempt, signal: abort.signal });
    if (!running.isOurs) return this.#options.onStale?.();
    running.isSettling = true;
    const { clock, leaseMs } = this.#options;
    const untilMs = clock.monotonicMs() + leaseMs;
    for (;;) {
      try {
        if (!(await this.#settle(job, outcome))) this.#options.onStale?.();
        return;
      } catch (error) {
        if (clock.monotonicMs() > untilMs || !running.isOurs) return this.#abandon(job, error);
        await clock.sleep(SETTLE_RETRY_MS);
      }
    }
  }

  #settle(job: ClaimedJob, outcome: Outcome): Promise<boolean> {
    const { jobs, queue } = this.#options;
    if (outcome.kind === 'retry') return jobs.retry(queue, job, outcome.delayMs, outcome.failure);
    if (outcome.kind === 'dead') return jobs.bury(queue, job, outcome.failure);
    if (outcome.kind === 'handBack') return jobs.handBack(queue, job);
    return new Promise((resolve, reject) => {
      this.#acks.push({ job, resolve, reject });
      if (!this.#isFlushing) void this.#flush();
    });
  }

  /** Completes in one statement all that became ready while the last one was under way. */
  async #flush(): Promise<void> {
    const { jobs, queue } = this.#options;
    this.#isFlushing = true;
    for (let batch = this.#acks.splice(0); batch.length > 0; batch = this.#acks.splice(0)) {
      try {
        let ours = await jobs.complete(
          queue,
          batch.map(({ job }) => job),
        );
        // Only the number is known; whose it was does not matter to the count.
        for (const { resolve } of batch) resolve(ours-- > 0);
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#isFlushing = false;
  }

  async #renew(): Promise<void> {
    const held = [...this.#running].filter(({ isOurs, isSettling }) => isOurs && !isSettling);
    if (held.length === 0) return;
    const { jobs, queue, logger } = this.#options;
    const ours = await jobs.touch(
      queue,
      held.map(({ job }) => job),
    );
    for (const running of held) {
      if (ours.has(running.job.id) || running.isSettling) continue;
      running.isOurs = false;
      logger.warn({ queue, messageId: running.job.envelope.id }, 'the lease of a running message passed on');
      running.abort.abort(new NoaError('ABORTED', { message: 'The lease of this message passed to another worker', retryable: true }));
    }
  }

  #abandon(job: ClaimedJob, error: unknown): void {
    const { logger, queue } = this.#options;
    logger.error({ queue, messageId: job.envelope.id, reason: describeError(error) }, 'an outcome could not be stored; the message will come again');
  }
}
