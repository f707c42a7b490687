import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { connectDatabase, isNoaError, silentLogger, systemClock } from '@noa/core';
import { LogRecorder, waitFor } from '@noa/testing';
import { removeEmbeddedPostgres } from './leftovers.ts';
import { startEmbeddedPostgres, type EmbeddedPostgres } from './startEmbeddedPostgres.ts';
import { freePort } from './testServer.ts';

const clock = systemClock;
const isRoot = process.getuid?.() === 0;
let dataPath: string;
let port: number;
let running: EmbeddedPostgres | undefined;

beforeEach(async () => {
  dataPath = await mkdtemp(join(tmpdir(), 'noa-trouble-'));
  await chmod(dataPath, 0o711);
  port = await freePort();
});
afterEach(async () => {
  await running?.stop();
  running = undefined;
  await removeEmbeddedPostgres(dataPath, clock);
  await rm(dataPath, { recursive: true, force: true });
});

const clusterFile = (...names: string[]): string => join(dataPath, 'postgres', 'pg0', ...names);

async function start(logger = silentLogger): Promise<EmbeddedPostgres> {
  // What is tested here does not lie on the way to the disk.
  running = await startEmbeddedPostgres({ dataPath, clusters: 1, portFirst: port, tuning: { isDurable: false }, clock, logger });
  return running;
}

async function run(sql: string): Promise<Record<string, unknown>[]> {
  const database = connectDatabase({ url: running!.clusters[0]!.url(), clock, logger: silentLogger, poolMax: 1 });
  try {
    return (await database.query(sql)).rows;
  } finally {
    await database.stop();
  }
}

/** Gives a file that we wrote into the data directory to whoever owns that. */
async function giveToServer(path: string): Promise<void> {
  const { uid, gid } = await stat(clusterFile());
  if (isRoot) await chown(path, uid, gid);
}

test('a lock file with the number of a live process of the same account does not stop a start', async () => {
  await (await start()).stop();
  const { uid, gid } = await stat(clusterFile());
  const stranger = spawn('sleep', ['60'], { cwd: '/', stdio: 'ignore', ...(isRoot ? { uid, gid } : {}) });
  await once(stranger, 'spawn');
  try {
    await writeFile(clusterFile('postmaster.pid'), `${stranger.pid}\n${clusterFile()}\n1700000000\n${port}\n\n127.0.0.1\n0 0\nready\n`);
    await giveToServer(clusterFile('postmaster.pid'));
    await start();
    assert.equal((await run('SELECT 1')).length, 1);
    assert.equal(stranger.exitCode ?? stranger.signalCode, null, 'the stranger lives on');
  } finally {
    stranger.kill('SIGKILL');
    await once(stranger, 'exit');
  }
});

test('an empty lock file, as a power cut leaves it, does not stop a start', async () => {
  await (await start()).stop();
  await writeFile(clusterFile('postmaster.pid'), '');
  await giveToServer(clusterFile('postmaster.pid'));
  await start();
  assert.equal((await run('SELECT 1')).length, 1);
});

test('a lost secret is said at once, with the way out, and nothing is left running', async () => {
  await (await start()).stop();
  await rm(join(dataPath, 'secrets', 'postgres-password'));
  await assert.rejects(start(), (error) => isNoaError(error, 'EMBEDDED_SECRET_REFUSED') && /postgres-password.*noa reset/.test(error.message));
  assert.deepEqual((await readdir(clusterFile())).includes('postmaster.pid'), false);
});

test('readiness does not depend on the log: a server that writes its words elsewhere is ready too', async () => {
  await (await start()).stop();
  const logPath = join(dataPath, 'postgres', 'pg0.log');
  const before = (await readFile(logPath, 'utf8')).length;
  await appendFile(clusterFile('postgresql.conf'), "logging_collector = on\nlog_destination = 'jsonlog'\n");
  await start();
  assert.equal((await run('SELECT 1')).length, 1);
  assert.doesNotMatch((await readFile(logPath, 'utf8')).slice(before), /ready to accept/);
});

test('a hot standby counts as ready', async () => {
  await (await start()).stop();
  // No primary is there to stream from: it replays what it has, stays in recovery and answers reads.
  await writeFile(clusterFile('standby.signal'), '');
  await giveToServer(clusterFile('standby.signal'));
  await start();
  assert.deepEqual(await run('SELECT pg_is_in_recovery() AS standby'), [{ standby: true }]);
});

test('a server that cannot start says why, from this start alone', async () => {
  await (await start()).stop();
  await appendFile(join(dataPath, 'postgres', 'pg0.log'), 'FATAL: could not write: No space left on device\n');
  await appendFile(clusterFile('postgresql.conf'), 'no_such_setting = on\n');
  await assert.rejects(start(), (error) => isNoaError(error, 'EMBEDDED_START_FAILED') && /no_such_setting/.test(error.message));
});

test('a start that fails on one cluster stops the others', async () => {
  const two = { dataPath, clusters: 2, portFirst: port, tuning: { isDurable: false }, clock, logger: silentLogger };
  await (await startEmbeddedPostgres(two)).stop();
  await appendFile(join(dataPath, 'postgres', 'pg1', 'postgresql.conf'), 'no_such_setting = on\n');
  await assert.rejects(startEmbeddedPostgres(two), (error) => isNoaError(error, 'EMBEDDED_START_FAILED'));
  assert.deepEqual((await readdir(clusterFile())).includes('postmaster.pid'), false);
});

test('an interrupted making of a data directory is begun again', async () => {
  await mkdir(`${clusterFile()}.new`, { recursive: true });
  await writeFile(join(`${clusterFile()}.new`, 'half'), '');
  await start();
  assert.deepEqual((await readdir(join(dataPath, 'postgres'))).sort(), ['pg0', 'pg0.log']);
});

test('a server killed again and again is started again, and stop ends the story', async () => {
  const log = new LogRecorder();
  const cluster = (await start(log)).clusters[0]!;
  const pids = new Set<number>();
  for (let count = 0; count < 3; count += 1) {
    const pid = await waitFor(() => cluster.pid !== 0 && !pids.has(cluster.pid) && cluster.pid);
    pids.add(pid);
    process.kill(pid, 'SIGKILL');
  }
  await waitFor(() => cluster.pid !== 0 && !pids.has(cluster.pid));
  assert.equal(log.entries.filter(({ message }) => /ended unasked/.test(message)).length, 3);
  await running!.stop();
  assert.equal(cluster.pid, 0);
});

test('stop during a restart leaves nothing running', async () => {
  const log = new LogRecorder();
  const cluster = (await start(log)).clusters[0]!;
  process.kill(cluster.pid, 'SIGKILL');
  await waitFor(() => log.entries.some(({ message }) => /ended unasked/.test(message)), { intervalMs: 1 });
  await running!.stop();
  assert.equal(cluster.pid, 0);
  const probe = connectDatabase({ url: cluster.url(), clock, logger: silentLogger, poolMax: 1 });
  await assert.rejects(probe.query('SELECT 1'), (error) => isNoaError(error, 'DATABASE_UNAVAILABLE'));
  await probe.stop();
});

test('stop may come before start, and twice', async () => {
  const embedded = await start();
  await embedded.stop();
  await embedded.stop();
  assert.equal((await readFile(join(dataPath, 'postgres', 'pg0', 'PG_VERSION'), 'utf8')).trim(), '18');
});
