import { NoaError, type SQLExecutor } from '@noa/core';
import type { Envelope } from '@noa/message-queue';

/**
 * Migration text: table `outbox` in the schema being migrated. `seq` gives the order; numbers may commit out of order, which is
 * harmless, because rows are deleted by id after publishing and never skipped by number. `parked` holds why a row is left out.
 */
export const OUTBOX_SQL = `CREATE TABLE outbox (
  id text PRIMARY KEY,
  seq bigserial NOT NULL,
  partitionkey text,
  envelope jsonb NOT NULL,
  parked text,
  created_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX outbox_seq ON outbox (seq) WHERE parked IS NULL;`;

/** Rows added are told on this channel, with the schema's name. */
export const OUTBOX_CHANNEL = 'noa_outbox';
/** Events of one call. */
export const OUTBOX_EVENTS_MAX = 1_000;
/** Serialised event: what every queue provider can carry. */
export const OUTBOX_EVENT_BYTES_MAX = 262_144;

const SQL_NAME = /^[a-z_][a-z0-9_]{0,62}$/;

/**
 * Adds events inside the caller's transaction, in one statement: they are published if and only if it commits. An id that is
 * already waiting is not added again. Events of one key keep their order when the transactions that write them exclude each
 * other (they change the same row first).
 * @param schema - where the table is; default the first of the search path.
 * @throws NoaError `OUTBOX_EVENT_INVALID`, `OUTBOX_SCHEMA_INVALID`.
 */
export async function appendToOutbox(tx: SQLExecutor, events: readonly Envelope[], schema?: string): Promise<void> {
  if (events.length === 0) return;
  if (events.length > OUTBOX_EVENTS_MAX) throw invalid(`at most ${OUTBOX_EVENTS_MAX} events at a time, got ${events.length}`);
  for (const event of events) assertEvent(event);
  await tx.query(
    `WITH added AS (
       INSERT INTO ${tableOf('outbox', schema)} (id, partitionkey, envelope)
       SELECT event->>'id', event->>'partitionkey', event FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS list (event, position)
       ORDER BY position ON CONFLICT (id) DO NOTHING RETURNING 1)
     SELECT pg_notify('${OUTBOX_CHANNEL}', $2::text) FROM added LIMIT 1`,
    [JSON.stringify(events), schema ?? ''],
  );
}

/** The table's name, qualified where a schema is given. @throws NoaError `OUTBOX_SCHEMA_INVALID`. */
export function tableOf(table: 'outbox' | 'inbox', schema: string | undefined): string {
  if (schema === undefined) return table;
  if (SQL_NAME.test(schema)) return `${schema}.${table}`;
  throw new NoaError('OUTBOX_SCHEMA_INVALID', { message: `schema: expected ${SQL_NAME.source}, got ${JSON.stringify(schema)}` });
}

function assertEvent(event: Envelope): void {
  if (typeof event.id !== 'string' || event.id === '') throw invalid('an event needs an id');
  const bytes = Buffer.byteLength(JSON.stringify(event));
  if (bytes > OUTBOX_EVENT_BYTES_MAX) throw invalid(`event ${event.type} has ${bytes} bytes, the limit is ${OUTBOX_EVENT_BYTES_MAX}`);
}

function invalid(message: string): NoaError {
  return new NoaError('OUTBOX_EVENT_INVALID', { message: `outbox: ${message}`, httpStatus: 413 });
}
