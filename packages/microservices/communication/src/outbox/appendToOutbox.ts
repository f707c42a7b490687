import type { SQLExecutor } from '@noa/core';
import type { Envelope } from '@noa/message-queue';
import { OUTBOX_CHANNEL } from './schema.ts';

/**
 * Puts events into the outbox with the caller's transaction: they are published if, and only if, it commits.
 * @param schema - schema of the table, a plain identifier.
 */
export async function appendToOutbox(tx: SQLExecutor, events: readonly Envelope[], schema: string): Promise<void> {
  if (events.length === 0) return;
  await tx.query(
    `INSERT INTO ${schema}.outbox (id, envelope)
     SELECT event ->> 'id', event FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS t (event, place) ORDER BY place`,
    [JSON.stringify(events)],
  );
  // Delivered at commit, and only then.
  await tx.query('SELECT pg_notify($1, $2)', [OUTBOX_CHANNEL, schema]);
}
