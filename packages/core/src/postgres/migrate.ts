import { createHash } from 'node:crypto';
import { NoaError } from '../errors/NoaError.ts';
import type { Database, SQLExecutor } from './Database.ts';

/** One step of a schema's history. Never edit one that has been released: add another. */
export interface Migration {
  /** 1, 2, 3 … without gaps. */
  readonly version: number;
  readonly name: string;
  /** Run inside a transaction, with `search_path` set to the schema. */
  readonly sql: string;
}

/**
 * Brings `schema` to the newest version, once, however many processes start together (advisory lock).
 * @returns the versions applied by this call.
 * @throws NoaError `DATABASE_MIGRATION_FAILED` when a step fails, or an applied step's text has changed.
 */
export async function migrate(database: Database, schema: string, migrations: readonly Migration[]): Promise<number[]> {
  return database.transaction(async (tx) => {
    await tx.query('SELECT pg_advisory_xact_lock(hashtext($1))', [`noa-migrate:${schema}`]);
    await tx.script(`CREATE SCHEMA IF NOT EXISTS ${schema};
      CREATE TABLE IF NOT EXISTS ${schema}.noa_version (
        version int PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`);
    const { rows } = await tx.query<{ version: number; checksum: string }>(`SELECT version, checksum FROM ${schema}.noa_version`);
    const applied = new Map(rows.map((row) => [row.version, row.checksum]));
    await tx.script(`SET LOCAL search_path TO ${schema}, public`);
    const done: number[] = [];
    for (const migration of migrations) {
      const checksum = createHash('sha256').update(migration.sql).digest('hex');
      const known = applied.get(migration.version);
      if (known === undefined) {
        await apply(tx, schema, migration, checksum);
        done.push(migration.version);
      } else if (known !== checksum) throw failure(schema, migration, 'its text differs from the one that was applied');
    }
    return done;
  });
}

async function apply(tx: SQLExecutor, schema: string, migration: Migration, checksum: string): Promise<void> {
  try {
    await tx.script(migration.sql);
    await tx.query(`INSERT INTO ${schema}.noa_version (version, name, checksum) VALUES ($1, $2, $3)`, [migration.version, migration.name, checksum]);
  } catch (error) {
    throw failure(schema, migration, 'it failed', error);
  }
}

function failure(schema: string, migration: Migration, reason: string, cause?: unknown): NoaError {
  return new NoaError('DATABASE_MIGRATION_FAILED', {
    message: `Schema ${schema}, migration ${migration.version} (${migration.name}): ${reason}`,
    cause,
  });
}
