/**
 * Migration of a service's outbox, for the schema being migrated. `seq` is the order of writing, not of committing: rows are
 * deleted by id once published, never skipped by number. `parked` holds why the queue refused a row for good.
 */
export const OUTBOX_SQL = `
CREATE TABLE outbox (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id text NOT NULL UNIQUE,
  partitionkey text,
  envelope jsonb NOT NULL,
  parked text,
  created_at timestamptz NOT NULL DEFAULT now()
);`;

/** Migration of a consumer's inbox, for the schema being migrated. */
export const INBOX_SQL = `
CREATE TABLE inbox (
  consumer text NOT NULL,
  event_id text NOT NULL,
  handled_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (consumer, event_id)
);
CREATE INDEX inbox_handled_at ON inbox (handled_at);`;

/** Carries the schema's name when events were committed. */
export const OUTBOX_CHANNEL = 'noa_outbox';
