/**
 * Tables of the outbox, for a service's own migrations; created in the schema on the search path. `seq` orders rows of
 * one transaction and of one key; over transactions it is no order of commits.
 */
export const OUTBOX_SQL = `
  CREATE TABLE outbox (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE,
    envelope jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now());`;

/** Table of the inbox: which consumer has had the effect of which event. */
export const INBOX_SQL = `
  CREATE TABLE inbox (
    consumer text NOT NULL,
    event_id text NOT NULL,
    handled_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, event_id));
  CREATE INDEX inbox_age ON inbox (handled_at);`;

/** Channel that wakes the relays of a database; the payload is the schema. */
export const OUTBOX_CHANNEL = 'noa_outbox';
