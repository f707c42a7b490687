import type { SQLExecutor } from '@noa/core';
import { tableOf } from './outboxTable.ts';

/** Migration text: table `inbox` in the schema being migrated. */
export const INBOX_SQL = `CREATE TABLE inbox (
  consumer text NOT NULL,
  event_id text NOT NULL,
  seen_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (consumer, event_id));
CREATE INDEX inbox_seen_at ON inbox (seen_at);`;

export interface InboxOptions {
  /** Where the table is; default the first of the search path. */
  readonly schema?: string;
  /** Ids are known at least this long; longer than any message can be on its way. Default 30 days. */
  readonly retentionMs?: number;
}

/** Rows removed by one call of `purge`. */
export const INBOX_PURGE_MAX = 1_000;
const RETENTION_MS = 30 * 86_400_000;

/**
 * Makes one effect of a message delivered more than once: the id is written in the transaction of the effect, so both are there
 * or neither.
 */
export class Inbox {
  readonly #table: string;
  readonly #retentionMs: number;

  /** @throws NoaError `OUTBOX_SCHEMA_INVALID`. */
  constructor(options: InboxOptions = {}) {
    this.#table = tableOf('inbox', options.schema);
    this.#retentionMs = options.retentionMs ?? RETENTION_MS;
  }

  /**
   * @returns true the first time; do the effect then, in `tx`. A second caller waits for the first one's commit or rollback.
   */
  async once(tx: SQLExecutor, consumer: string, eventId: string): Promise<boolean> {
    const { rowCount } = await tx.query(`INSERT INTO ${this.#table} (consumer, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING`, [
      consumer,
      eventId,
    ]);
    return rowCount === 1;
  }

  /** Forgets ids older than the retention, at most INBOX_PURGE_MAX. @returns how many; call again while it is the most. */
  async purge(executor: SQLExecutor): Promise<number> {
    const { rowCount } = await executor.query(
      `DELETE FROM ${this.#table} WHERE (consumer, event_id) IN (
         SELECT consumer, event_id FROM ${this.#table} WHERE seen_at < now() - $1::float8 * interval '1 ms' ORDER BY seen_at LIMIT $2 FOR UPDATE SKIP LOCKED)`,
      [this.#retentionMs, INBOX_PURGE_MAX],
    );
    return rowCount;
  }
}
