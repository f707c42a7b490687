import { connectDatabase, silentLogger, systemClock, systemRandom, type Database } from '@noa/core';

/** A database of its own, for one test file. */
export interface TestDatabase {
  readonly url: string;
  readonly database: Database;
  /** Closes the pool and drops the database, whoever is still connected. May be called twice. */
  drop(): Promise<void>;
}

export const TEST_SERVER_VARIABLE = 'NOA_TEST_DATABASE_URL';

/** Names start so and carry their time of making, so that the remains of a crashed run can be told by their name. */
const PREFIX = 'noa_test_';
const NAME_PATTERN = /^[a-z0-9_]{1,20}$/;
const LEFTOVER_MS = 24 * 3_600_000;
const POOL_MAX = 8;

/**
 * Makes an empty database on the server of `NOA_TEST_DATABASE_URL`, and drops those that a crashed run has left more
 * than a day ago.
 * @param options.name - part of its name, `^[a-z0-9_]{1,20}$`; default `db`.
 * @param options.poolMax - connections of `database`, default 8.
 * @throws Error with the way out when the variable is not set.
 */
export async function createTestDatabase(options: { name?: string; poolMax?: number } = {}): Promise<TestDatabase> {
  const server = process.env[TEST_SERVER_VARIABLE];
  if (server === undefined || server === '') {
    throw new Error(`${TEST_SERVER_VARIABLE} is not set: run tests with ./noa test, which brings a PostgreSQL, or name a server of your own`);
  }
  const name = databaseName(options.name ?? 'db', systemClock.now());
  const url = new URL(server);
  url.pathname = `/${name}`;
  await onServer(server, async (admin) => {
    await admin.script(`CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8'`);
    await dropLeftovers(admin);
  });
  const poolMax = options.poolMax ?? POOL_MAX;
  const database = connectDatabase({ url: url.href, logger: silentLogger, clock: systemClock, poolMax, applicationName: 'noa-test' });
  return {
    url: url.href,
    database,
    drop: async () => {
      await database.stop();
      await onServer(server, (admin) => admin.script(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
    },
  };
}

/** `noa_test_<name>_<seconds since 1970, base 36>_<random>`: unique among all runs, and at most 63 bytes. */
export function databaseName(name: string, nowMs: number): string {
  if (!NAME_PATTERN.test(name)) throw new Error(`the name of a test database: expected ${NAME_PATTERN.source}, got ${JSON.stringify(name)}`);
  const random = Buffer.from(systemRandom.bytes(6)).toString('hex');
  return `${PREFIX}${name}_${Math.floor(nowMs / 1_000).toString(36)}_${random}`;
}

/** Whether the name is one of ours and older than a day. */
export function isLeftover(name: string, nowMs: number): boolean {
  const madeSeconds = new RegExp(`^${PREFIX}[a-z0-9_]+_([0-9a-z]{6,7})_[0-9a-f]{12}$`).exec(name)?.[1];
  return madeSeconds !== undefined && nowMs - Number.parseInt(madeSeconds, 36) * 1_000 > LEFTOVER_MS;
}

async function dropLeftovers(admin: Database): Promise<void> {
  const { rows } = await admin.query<{ datname: string }>(`SELECT datname FROM pg_database WHERE starts_with(datname, '${PREFIX}')`);
  for (const { datname } of rows.filter((row) => isLeftover(row.datname, systemClock.now()))) {
    // Another test file may drop the same one at the same moment; who loses that race has nothing left to do.
    await admin.script(`DROP DATABASE IF EXISTS "${datname}" WITH (FORCE)`).catch(() => undefined);
  }
}

async function onServer(url: string, body: (admin: Database) => Promise<void>): Promise<void> {
  const admin = connectDatabase({ url, logger: silentLogger, clock: systemClock, poolMax: 1, applicationName: 'noa-test' });
  try {
    await body(admin);
  } finally {
    await admin.stop();
  }
}
