import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectDatabase, silentLogger, systemClock } from '@noa/core';
import { createTestDatabase, TEST_SERVER_VARIABLE } from './createTestDatabase.ts';

const SERVER = process.env[TEST_SERVER_VARIABLE] ?? '';

async function databaseExists(name: string): Promise<boolean> {
  const server = connectDatabase({ url: SERVER, logger: silentLogger, clock: systemClock, poolMax: 1 });
  try {
    return (await server.query('SELECT 1 FROM pg_database WHERE datname = $1', [name])).rowCount === 1;
  } finally {
    await server.stop();
  }
}

test('two test databases see nothing of each other, and are gone after drop', async () => {
  const [one, two] = await Promise.all([createTestDatabase(), createTestDatabase({ name: 'other' })]);
  await one.database.script('CREATE TABLE mine (v int)');
  assert.equal((await two.database.query<{ found: unknown }>("SELECT to_regclass('mine') AS found")).rows[0]?.found, null);
  await Promise.all([one.drop(), two.drop()]);
  for (const { url } of [one, two]) assert.equal(await databaseExists(new URL(url).pathname.slice(1)), false);
});

test('drop ends the connections of others, and may come twice', async () => {
  const made = await createTestDatabase();
  const other = connectDatabase({ url: made.url, logger: silentLogger, clock: systemClock });
  await other.query('SELECT 1');
  await made.drop();
  await made.drop();
  await assert.rejects(other.query('SELECT 1'));
  await other.stop();
});

test('the remains of a run that crashed long ago are dropped by the next one', async () => {
  const remains = `noa_test_crashed_${Math.floor(1_500_000_000).toString(36)}_0123456789ab`;
  const server = connectDatabase({ url: SERVER, logger: silentLogger, clock: systemClock, poolMax: 1 });
  await server.script(`DROP DATABASE IF EXISTS ${remains}`);
  await server.script(`CREATE DATABASE ${remains} TEMPLATE template0`);
  await server.stop();
  const made = await createTestDatabase();
  assert.equal(await databaseExists(remains), false);
  await made.drop();
});

test('without a server the message says how to get one', async () => {
  delete process.env[TEST_SERVER_VARIABLE];
  try {
    await assert.rejects(createTestDatabase(), /\.\/noa test/);
  } finally {
    process.env[TEST_SERVER_VARIABLE] = SERVER;
  }
});
