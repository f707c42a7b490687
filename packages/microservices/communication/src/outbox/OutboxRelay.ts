import {
  describeError,
  Repeater,
  type Clock,
  type Database,
  type Lifecycle,
  type Logger,
  type Metrics,
  type SQLExecutor,
  type Stoppable,
} from '@noa/core';
import type { Envelope } from '@noa/message-queue';
import { OUTBOX_CHANNEL } from './schema.ts';

export interface OutboxRelayOptions {
  readonly database: Database;
  /** Schema of the outbox table, a plain identifier. */
  readonly schema: string;
  /** Resolves when the engine has acknowledged all of them. */
  readonly publish: (events: readonly Envelope[]) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Notifications can be lost: look at least this often. */
const POLL_MS = 1_000;
const BATCH_MAX = 100;

/**
 * Moves committed events from a service's outbox to the queue.
 *
 * Claim (advisory lock, one relay per database and schema at a time) → publish → delete, in one transaction. A crash
 * before the delete publishes the same ids again: at least once, and the id is the key for de-duplication. Rows are
 * taken as they are found, never by a high-water mark, since a lower `seq` may commit later.
 */
export class OutboxRelay implements Lifecycle {
  readonly #options: OutboxRelayOptions;
  readonly #repeater: Repeater;
  #listener: Stoppable | undefined;
  #isFailing = false;

  constructor(options: OutboxRelayOptions) {
    const { clock, logger, schema } = options;
    this.#options = options;
    this.#repeater = new Repeater({
      clock,
      intervalMs: POLL_MS,
      run: (signal) => this.#drain(signal),
      onError: (error) => {
        if (!this.#isFailing) logger.warn({ schema, reason: describeError(error) }, 'the outbox could not be relayed; trying on');
        this.#isFailing = true;
      },
    });
  }

  async start(): Promise<void> {
    const { database, schema } = this.#options;
    this.#listener = database.listen(OUTBOX_CHANNEL, {
      onNotify: (payload) => {
        if (payload === schema) this.#repeater.trigger();
      },
      onConnect: () => this.#repeater.trigger(),
    });
    this.#repeater.start();
  }

  async stop(): Promise<void> {
    await this.#listener?.stop();
    await this.#repeater.stop();
  }

  async #drain(signal: AbortSignal): Promise<void> {
    const { database, metrics, schema } = this.#options;
    while (!signal.aborted) {
      const moved = await database.transaction((tx) => this.#moveBatch(tx));
      this.#isFailing = false;
      if (moved > 0) metrics.counter('outbox_relayed_total', 'Events moved from the outbox to the queue', ['schema']).add({ schema }, moved);
      if (moved < BATCH_MAX) return;
    }
  }

  async #moveBatch(tx: SQLExecutor): Promise<number> {
    const { schema, publish } = this.#options;
    const { rows: locks } = await tx.query<{ locked: boolean }>('SELECT pg_try_advisory_xact_lock(hashtext($1)) AS locked', [`noa-outbox:${schema}`]);
    if (locks[0]?.locked !== true) return 0;
    const { rows } = await tx.query<{ seq: string; envelope: Envelope }>(
      `SELECT seq, envelope FROM ${schema}.outbox ORDER BY seq LIMIT ${BATCH_MAX}`,
    );
    if (rows.length === 0) return 0;
    await publish(rows.map((row) => row.envelope));
    await tx.query(`DELETE FROM ${schema}.outbox WHERE seq = ANY($1::bigint[])`, [rows.map((row) => row.seq)]);
    return rows.length;
  }
}
