import type { Migration } from '@noa/core';
import { OUTBOX_SQL } from '@noa/communication';
import { AUTH_TABLES_SQL } from './schema.ts';

export const authMigrations: readonly Migration[] = [
  { version: 1, name: 'accounts, sessions, keys, clients', sql: AUTH_TABLES_SQL },
  { version: 2, name: 'outbox', sql: OUTBOX_SQL },
];
