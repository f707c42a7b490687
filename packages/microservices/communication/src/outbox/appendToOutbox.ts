import { NoaError, type SQLExecutor } from '@noa/core';
import type { Envelope } from '@noa/message-queue';
import { OUTBOX_CHANNEL } from './schema.ts';

/** Events of one call. */
export const OUTBOX_EVENTS_MAX = 1_000;
/** Serialised event: what every queue provider can carry. */
export const OUTBOX_EVENT_BYTES_MAX = 262_144;

/**
 * Puts events into the outbox with the caller's transaction, in one statement: they are published if, and only if, it commits. An
 * id that is waiting already is not added again. Events of one key keep their order when the transactions that write them exclude
 * each other (they change the same row first).
 * @param schema - schema of the table, a plain identifier.
 * @throws NoaError `OUTBOX_EVENT_INVALID` (413) for more or larger events than the limits.
 */
export async function appendToOutbox(tx: SQLExecutor, events: readonly Envelope[], schema: string): Promise<void> {
  if (events.length === 0) return;
  if (events.length > OUTBOX_EVENTS_MAX) throw invalid(`at most ${OUTBOX_EVENTS_MAX} events at a time, got ${events.length}`);
  for (const event of events) assertSize(event);
  // The notification is delivered at commit, and only then.
  await tx.query(
    `WITH added AS (
       INSERT INTO ${schema}.outbox (id, partitionkey, envelope)
       SELECT event ->> 'id', event ->> 'partitionkey', event FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS t (event, place)
       ORDER BY place ON CONFLICT (id) DO NOTHING RETURNING 1)
     SELECT pg_notify($2, $3) FROM added LIMIT 1`,
    [JSON.stringify(events), OUTBOX_CHANNEL, schema],
  );
}

function assertSize(event: Envelope): void {
  const bytes = Buffer.byteLength(JSON.stringify(event));
  if (bytes > OUTBOX_EVENT_BYTES_MAX) throw invalid(`event ${event.type} has ${bytes} bytes, the limit is ${OUTBOX_EVENT_BYTES_MAX}`);
}

function invalid(message: string): NoaError {
  return new NoaError('OUTBOX_EVENT_INVALID', { message: `outbox: ${message}`, httpStatus: 413 });
}
