import { connectDatabase, silentLogger, systemClock, systemRandom, type Database } from '@noa/core';

/** A database of its own, for one test file. */
export interface TestDatabase {
  readonly url: string;
  readonly database: Database;
  /** Closes the pool and drops the database, whoever is still connected. */
  drop(): Promise<void>;
}

export const TEST_SERVER_VARIABLE = 'NOA_TEST_DATABASE_URL';

/**
 * Makes an empty database on the server of `NOA_TEST_DATABASE_URL`.
 * @throws Error with the way out when the variable is not set.
 */
export async function createTestDatabase(options: { name?: string; poolMax?: number } = {}): Promise<TestDatabase> {
  const server = process.env[TEST_SERVER_VARIABLE];
  if (server === undefined || server === '') {
    throw new Error(`${TEST_SERVER_VARIABLE} is not set: run tests with ./noa test, which brings a PostgreSQL, or name a server of your own`);
  }
  const suffix = Buffer.from(systemRandom.bytes(6)).toString('hex');
  const name = `noa_test_${options.name ?? 'db'}_${suffix}`;
  const common = { logger: silentLogger, clock: systemClock };
  const admin = connectDatabase({ url: server, ...common, poolMax: 1 });
  await admin.script(`CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8'`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  const database = connectDatabase({ url: url.href, ...common, poolMax: options.poolMax ?? 8, applicationName: 'noa-test' });
  return {
    url: url.href,
    database,
    drop: async () => {
      await database.stop();
      await admin.script(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      await admin.stop();
    },
  };
}
