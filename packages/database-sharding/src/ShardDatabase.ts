import {
  isNoaError,
  NoaError,
  type Clock,
  type Database,
  type Histogram,
  type IsolationLevel,
  type ListenHandlers,
  type Metrics,
  type SQLExecutor,
  type SQLResult,
  type Stoppable,
} from '@noa/core';

/** Work that must be done on a shard's own database before it may serve, tried again after a failure. */
export type Admission = (inner: Database) => Promise<void>;

/**
 * A shard as the router hands it out: a Database that serves only after its admission (identity, map copy, postponed migrations),
 * names the shard, not the host, when it cannot be reached, and measures itself.
 *
 * States: waiting → admitting → admitted; a failed admission leads back to waiting, and the next use tries again.
 */
export class ShardDatabase implements Database {
  readonly shardId: string;
  readonly #inner: Database;
  readonly #clock: Clock;
  readonly #seconds: Histogram | undefined;
  readonly #pending: Admission[] = [];
  #admitting: Promise<void> | undefined;

  constructor(options: { shardId: string; database: Database; clock: Clock; metrics?: Metrics | undefined }) {
    this.shardId = options.shardId;
    this.#inner = options.database;
    this.#clock = options.clock;
    this.#seconds = options.metrics?.histogram('db_query_duration_seconds', 'Duration of queries and transactions on a shard', ['shard']);
  }

  /** Adds a step that must succeed before the next use; a step that already waits is not added twice. */
  require(step: Admission): void {
    if (!this.#pending.includes(step)) this.#pending.push(step);
  }

  /** Runs the pending steps now, once for all who wait. */
  async admit(): Promise<void> {
    while (this.#mustAdmit()) {
      this.#admitting ??= this.#runPending().finally(() => {
        this.#admitting = undefined;
      });
      await this.#admitting;
    }
  }

  query<Row = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<SQLResult<Row>> {
    return this.#measured(() => this.#inner.query<Row>(text, values).catch((error: unknown) => this.#rethrow(error)));
  }

  script(text: string): Promise<void> {
    return this.#measured(() => this.#inner.script(text).catch((error: unknown) => this.#rethrow(error)));
  }

  transaction<T>(body: (tx: SQLExecutor) => Promise<T>, options?: { isolation?: IsolationLevel }): Promise<T> {
    return this.#measured(async () => {
      // What the body throws for reasons of its own, such as another database being away, is not this shard's failure.
      let thrown: { readonly error: unknown } | undefined;
      const guarded = (tx: SQLExecutor): Promise<T> =>
        body(this.#executor(tx)).catch((error: unknown) => {
          thrown = { error };
          throw error;
        });
      return await this.#inner.transaction(guarded, options).catch((error: unknown) => {
        if (thrown !== undefined && thrown.error === error) throw error;
        return this.#rethrow(error);
      });
    });
  }

  listen(channel: string, handlers: ListenHandlers): Stoppable {
    return this.#inner.listen(channel, handlers);
  }

  /** Does nothing: the database belongs to whoever opened it. */
  stop(): Promise<void> {
    return Promise.resolve();
  }

  #mustAdmit(): boolean {
    return this.#pending.length > 0 || this.#admitting !== undefined;
  }

  /** A step leaves the list before it runs, so that one required again meanwhile runs again. */
  async #runPending(): Promise<void> {
    for (let step = this.#pending.shift(); step !== undefined; step = this.#pending.shift()) {
      try {
        await step(this.#inner);
      } catch (error) {
        if (!this.#pending.includes(step)) this.#pending.unshift(step);
        this.#rethrow(error);
      }
    }
  }

  async #measured<T>(run: () => Promise<T>): Promise<T> {
    if (this.#mustAdmit()) await this.admit();
    if (this.#seconds === undefined) return run();
    const startedMs = this.#clock.monotonicMs();
    try {
      return await run();
    } finally {
      this.#seconds.observe((this.#clock.monotonicMs() - startedMs) / 1_000, { shard: this.shardId });
    }
  }

  #executor(tx: SQLExecutor): SQLExecutor {
    return {
      query: <Row>(text: string, values?: readonly unknown[]) => tx.query<Row>(text, values).catch((error: unknown) => this.#rethrow(error)),
      script: (text) => tx.script(text).catch((error: unknown) => this.#rethrow(error)),
    };
  }

  #rethrow(error: unknown): never {
    if (!isNoaError(error, 'DATABASE_UNAVAILABLE')) throw error;
    throw new NoaError('SHARD_UNAVAILABLE', {
      message: `Shard ${this.shardId} is not available`,
      details: { shardId: this.shardId },
      retryable: true,
      httpStatus: 503,
      cause: error,
    });
  }
}
