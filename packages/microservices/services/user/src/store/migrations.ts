import { OUTBOX_SQL } from '@noa/communication';
import type { Migration } from '@noa/core';

/** Schema on every shard. */
export const USER_SCHEMA = 'users';

export const userMigrations: readonly Migration[] = [
  {
    version: 1,
    name: 'users',
    sql: `
      CREATE TABLE users (
        id uuid PRIMARY KEY,
        email text NOT NULL,
        display_name text NOT NULL,
        locale text NOT NULL,
        roles text[] NOT NULL,
        profile jsonb NOT NULL,
        version int NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        deleted_at timestamptz);
      -- Addresses that a user has given up and the directory has not been told about yet.
      CREATE TABLE email_releases (
        user_id uuid NOT NULL,
        email text NOT NULL,
        PRIMARY KEY (user_id, email));
      ${OUTBOX_SQL}`,
  },
];
