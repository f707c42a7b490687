import {
  describeError,
  isNoaError,
  NoaError,
  Repeater,
  type Clock,
  type Counter,
  type Database,
  type Gauge,
  type Lifecycle,
  type Logger,
  type Metrics,
  type SQLExecutor,
  type Stoppable,
} from '@noa/core';
import type { Envelope } from '@noa/message-queue';
import { OUTBOX_CHANNEL } from './schema.ts';

export interface OutboxRelayOptions {
  /** Holds the outbox; each shard has its own relay. */
  readonly database: Database;
  /** Schema of the outbox table, a plain identifier. */
  readonly schema: string;
  /** Resolves when all events are acknowledged; called again with the same events, same ids, when it or this process fails. */
  readonly publish: (events: readonly Envelope[]) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Events of one call of `publish`, 1..1000. Default 100. */
  readonly batchMax?: number;
  /** Looks at least this often, should a notification be lost. Default 1000. */
  readonly pollMs?: number;
  /** `publish` that takes longer counts as failed. Default 10_000. */
  readonly publishTimeoutMs?: number;
}

interface OutboxRow {
  readonly id: string;
  readonly envelope: Envelope;
}

/** Counting a backlog stops here. */
const PENDING_COUNTED_MAX = 10_000;

/**
 * Moves committed events from the outbox to the queue, in the order of `seq`, at least once.
 *
 * Row: committed → locked batch → published → deleted; a crash between the last two publishes it again under the same id. One relay
 * per database and schema is active at a time (advisory lock for the length of a batch), however many run. An event that the
 * queue refuses for good (a 4xx refusal) is parked in the table with the reason, so that it does not hold up the others.
 */
export class OutboxRelay implements Lifecycle {
  readonly #options: OutboxRelayOptions;
  readonly #table: string;
  readonly #labels: { schema: string };
  readonly #repeater: Repeater;
  readonly #published: Counter;
  readonly #failures: Counter;
  readonly #parked: Counter;
  readonly #pending: Gauge;
  readonly #oldest: Gauge;
  #listener: Stoppable | undefined;
  #batchMax: number;

  constructor(options: OutboxRelayOptions) {
    const { clock, logger, metrics, schema } = options;
    this.#options = options;
    this.#table = `${schema}.outbox`;
    this.#labels = { schema };
    this.#batchMax = options.batchMax ?? 100;
    const names = ['schema'] as const;
    this.#published = metrics.counter('outbox_events_published_total', 'Events handed to the queue and acknowledged', names);
    this.#failures = metrics.counter('outbox_publish_failures_total', 'Batches that could not be published and are tried again', names);
    this.#parked = metrics.counter('outbox_events_parked_total', 'Events the queue refused for good; they stay in the table', names);
    this.#pending = metrics.gauge('outbox_pending_events', `Committed events not yet published, counted up to ${PENDING_COUNTED_MAX}`, names);
    this.#oldest = metrics.gauge('outbox_oldest_age_seconds', 'Age of the oldest event not yet published', names);
    this.#repeater = new Repeater({
      clock,
      intervalMs: options.pollMs ?? 1_000,
      run: (signal) => this.#drain(signal),
      onError: (error) => {
        this.#failures.add(this.#labels);
        logger.warn({ schema, reason: describeError(error) }, 'events of the outbox could not be published; trying again');
      },
    });
  }

  async start(): Promise<void> {
    const { database, schema } = this.#options;
    this.#listener ??= database.listen(OUTBOX_CHANNEL, {
      onNotify: (payload) => {
        if (payload === schema || payload === '') this.#repeater.trigger();
      },
      onConnect: () => this.#repeater.trigger(),
    });
    this.#repeater.start();
  }

  /** Finishes the batch under way. */
  async stop(): Promise<void> {
    await this.#listener?.stop();
    await this.#repeater.stop();
  }

  async #drain(signal: AbortSignal): Promise<void> {
    const { database } = this.#options;
    for (;;) {
      const { rows } = await database.query<{ pending: number; oldest: number | null }>(
        `SELECT count(*)::int AS pending, extract(epoch FROM now() - min(created_at))::float8 AS oldest
         FROM (SELECT created_at FROM ${this.#table} WHERE parked IS NULL ORDER BY seq LIMIT ${PENDING_COUNTED_MAX}) waiting`,
      );
      const pending = rows[0]?.pending ?? 0;
      this.#pending.set(pending, this.#labels);
      this.#oldest.set(Math.max(0, rows[0]?.oldest ?? 0), this.#labels);
      if (pending === 0 || signal.aborted || !(await this.#relayBatch())) return;
    }
  }

  /** @returns false when another relay is at work. */
  async #relayBatch(): Promise<boolean> {
    const { database, schema, batchMax } = this.#options;
    return database.transaction(async (tx) => {
      const lock = await tx.query<{ isOurs: boolean }>(`SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS "isOurs"`, [
        `noa-outbox:${schema}`,
      ]);
      if (lock.rows[0]?.isOurs !== true) return false;
      const { rows } = await tx.query<OutboxRow>(`SELECT id, envelope FROM ${this.#table} WHERE parked IS NULL ORDER BY seq LIMIT $1`, [
        this.#batchMax,
      ]);
      if (rows.length === 0) return true;
      try {
        await this.#publish(rows.map(({ envelope }) => envelope));
      } catch (error) {
        if (!isRefusal(error)) throw error;
        // Someone in this batch is refused for good: go one by one to find out who.
        if (rows.length === 1) await this.#park(tx, rows[0]!, error);
        this.#batchMax = 1;
        return true;
      }
      this.#batchMax = Math.min(batchMax ?? 100, this.#batchMax * 2);
      await tx.query(`DELETE FROM ${this.#table} WHERE id = ANY($1)`, [rows.map(({ id }) => id)]);
      this.#published.add(this.#labels, rows.length);
      return true;
    });
  }

  async #publish(events: readonly Envelope[]): Promise<void> {
    const { clock, publish, publishTimeoutMs } = this.#options;
    const limit = new AbortController();
    const tooLong = clock.sleep(publishTimeoutMs ?? 10_000, limit.signal).then(() => {
      throw new NoaError('OUTBOX_PUBLISH_TIMEOUT', { message: 'Publishing took too long', retryable: true, httpStatus: 504 });
    });
    // The sleep's own end by abort is expected.
    tooLong.catch(() => undefined);
    try {
      await Promise.race([publish(events), tooLong]);
    } finally {
      limit.abort();
    }
  }

  async #park(tx: SQLExecutor, row: OutboxRow, error: unknown): Promise<void> {
    await tx.query(`UPDATE ${this.#table} SET parked = $2 WHERE id = $1`, [row.id, describeError(error).slice(0, 1_000)]);
    this.#parked.add(this.#labels);
    this.#options.logger.error({ eventId: row.id, type: row.envelope.type, err: error }, 'an event of the outbox is refused for good and was parked');
  }
}

/** Refusals that no repetition changes. */
function isRefusal(error: unknown): boolean {
  return isNoaError(error) && !error.retryable && error.httpStatus >= 400 && error.httpStatus < 500;
}
