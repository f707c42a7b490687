import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { connectDatabase, isNoaError, silentLogger, systemClock } from '@noa/core';
import { waitFor } from '@noa/testing';
import { removeEmbeddedPostgres, stopLeftoverPostgres } from './leftovers.ts';
import { startEmbeddedPostgres, type EmbeddedPostgres } from './startEmbeddedPostgres.ts';
import { freePort } from './testServer.ts';

const clock = systemClock;
const logger = silentLogger;
let dataPath: string;
let running: EmbeddedPostgres | undefined;

beforeEach(async () => {
  dataPath = await mkdtemp(join(tmpdir(), 'noa-durability-'));
  await chmod(dataPath, 0o711);
});
afterEach(async () => {
  await running?.stop();
  running = undefined;
  await removeEmbeddedPostgres(dataPath, clock);
  await rm(dataPath, { recursive: true, force: true });
});

async function start(path = dataPath): Promise<EmbeddedPostgres> {
  running = await startEmbeddedPostgres({ dataPath: path, clusters: 1, portFirst: await freePort(), clock, logger });
  return running;
}

test('a server killed amid writes loses none that it acknowledged', async () => {
  const cluster = (await start()).clusters[0]!;
  const database = connectDatabase({ url: cluster.url(), clock, logger, poolMax: 4 });
  await database.script('CREATE TABLE kept (writer int, number int, PRIMARY KEY (writer, number))');
  const pid = cluster.pid;
  const acknowledged: string[] = [];
  const write = async (writer: number): Promise<void> => {
    for (let number = 0; ; number += 1) {
      await database.query('INSERT INTO kept VALUES ($1, $2)', [writer, number]);
      acknowledged.push(`${writer}/${number}`);
      if (acknowledged.length === 100) process.kill(pid, 'SIGKILL');
    }
  };
  // Each writer ends with the error of the killed server.
  await Promise.all([0, 1, 2, 3].map((writer) => assert.rejects(write(writer))));
  await waitFor(() => cluster.pid !== 0 && cluster.pid !== pid);
  const { rows } = await waitFor(() => database.query<{ name: string }>("SELECT writer || '/' || number AS name FROM kept"));
  await database.stop();
  const kept = new Set(rows.map(({ name }) => name));
  assert.ok(acknowledged.length >= 100);
  assert.deepEqual(
    acknowledged.filter((name) => !kept.has(name)),
    [],
  );
});

test('a fast shutdown sends connected clients away and keeps their rows', async () => {
  const cluster = (await start()).clusters[0]!;
  const database = connectDatabase({ url: cluster.url(), clock, logger, poolMax: 1 });
  await database.script('CREATE TABLE kept (v int); INSERT INTO kept VALUES (1)');
  await running!.stop();
  await assert.rejects(database.query('SELECT 1'));
  await database.stop();
  const again = (await start()).clusters[0]!;
  const reader = connectDatabase({ url: again.url(), clock, logger, poolMax: 1 });
  assert.deepEqual((await reader.query('SELECT v FROM kept')).rows, [{ v: 1 }]);
  await reader.stop();
});

test('a leftover server is ended by its folder alone, though a client is connected', async () => {
  const script = `
    import { silentLogger as logger, systemClock as clock } from '@noa/core';
    import { startEmbeddedPostgres } from './startEmbeddedPostgres.ts';
    const options = { dataPath: ${JSON.stringify(dataPath)}, clusters: 1, portFirst: ${await freePort()}, clock, logger };
    process.stdout.write((await startEmbeddedPostgres(options)).clusters[0].url());
    process.stdin.resume();`;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
    cwd: import.meta.dirname,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  child.kill('SIGKILL');
  await once(child, 'exit');
  const client = connectDatabase({ url: said.toString(), clock, logger, poolMax: 1 });
  await client.query('SELECT 1');
  assert.deepEqual(await stopLeftoverPostgres(dataPath, clock), ['pg0']);
  await assert.rejects(client.query('SELECT 1'));
  await client.stop();
  assert.deepEqual(await stopLeftoverPostgres(dataPath, clock), []);
});

test('a full disk is named', { skip: !canMount() && 'needs a Linux root that may mount a small disk' }, async () => {
  const disk = join(dataPath, 'disk');
  await mkdir(disk);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=20m,mode=0711', 'tmpfs', disk]);
  try {
    await assert.rejects(start(disk), (error) => isNoaError(error, 'DISK_FULL') && error.message.includes('--data'));
  } finally {
    execFileSync('umount', [disk]);
  }
});

function canMount(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  try {
    execFileSync('unshare', ['--mount', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
