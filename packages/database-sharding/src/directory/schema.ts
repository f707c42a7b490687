import type { Migration } from '@noa/core';

export const DIRECTORY_SCHEMA = 'noa_directory';

export const DIRECTORY_MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    name: 'entries',
    sql: `
      CREATE TABLE entry (
        kind text NOT NULL, value text NOT NULL, owner_id text NOT NULL,
        is_confirmed boolean NOT NULL DEFAULT false, claimed_at timestamptz NOT NULL,
        PRIMARY KEY (kind, value));
      CREATE INDEX entry_pending ON entry (kind, claimed_at) WHERE NOT is_confirmed;`,
  },
];
