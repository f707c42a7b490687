import type { SQLExecutor } from '@noa/core';

/** Rows deleted by one purge. */
const PURGE_MAX = 10_000;

/** Gives a consumer one effect per event: the note and the effect share a transaction. */
export class Inbox {
  readonly #schema: string;

  /** @param options.schema - schema of the inbox table, a plain identifier. */
  constructor(options: { schema: string }) {
    this.#schema = options.schema;
  }

  /** @returns false when the consumer has handled this event before; then do nothing. Concurrent duplicates wait for each other. */
  async once(tx: SQLExecutor, consumer: string, eventId: string): Promise<boolean> {
    const { rowCount } = await tx.query(`INSERT INTO ${this.#schema}.inbox (consumer, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING`, [
      consumer,
      eventId,
    ]);
    return rowCount === 1;
  }

  /** Forgets notes older than `days`; a duplicate later than that has its effect again. @returns rows removed, at most 10000. */
  async purge(executor: SQLExecutor, days: number): Promise<number> {
    const { rowCount } = await executor.query(
      `DELETE FROM ${this.#schema}.inbox WHERE (consumer, event_id) IN
         (SELECT consumer, event_id FROM ${this.#schema}.inbox WHERE handled_at < now() - make_interval(days => $1) LIMIT ${PURGE_MAX})`,
      [days],
    );
    return rowCount;
  }
}
