import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, cp, lstat, mkdir, mkdtemp, readFile, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { connectDatabase, isNoaError, silentLogger, systemClock, type Database } from '@noa/core';
import { LogRecorder, waitFor } from '@noa/testing';
import { linkLibraries } from './linkLibraries.ts';
import { postgresFallbackHome } from './prepareInstall.ts';
import { findPostgresBinaries } from './postgresBinaries.ts';
import { readPostmasterFile } from './postmasterFile.ts';
import { startEmbeddedPostgres, type EmbeddedPostgres } from './startEmbeddedPostgres.ts';
import { freePort } from './testServer.ts';
import { findClosedFolder, findUnprivilegedUser } from './unprivilegedUser.ts';

const clock = systemClock;
const isRoot = process.getuid?.() === 0;
let dataPath: string;
let port: number;
let running: EmbeddedPostgres | undefined;

beforeEach(async () => {
  dataPath = await mkdtemp(join(tmpdir(), 'noa-embedded-'));
  // Root's server runs under another account, which must be able to pass through.
  await chmod(dataPath, 0o711);
  port = await freePort(2);
});
afterEach(async () => {
  await running?.stop();
  running = undefined;
  await rm(dataPath, { recursive: true, force: true });
});

async function start(logger = silentLogger): Promise<EmbeddedPostgres> {
  running = await startEmbeddedPostgres({ dataPath, clusters: 1, portFirst: port, clock, logger });
  return running;
}

async function withDatabase<T>(url: string, body: (database: Database) => Promise<T>): Promise<T> {
  const database = connectDatabase({ url, clock, logger: silentLogger, poolMax: 1 });
  try {
    return await body(database);
  } finally {
    await database.stop();
  }
}

/** Starts a cluster in a process of its own, writes a row, and kills that process with -9. */
async function startAndKillParent(): Promise<number> {
  const script = `
    import { systemClock as clock, silentLogger as logger, connectDatabase } from '@noa/core';
    import { startEmbeddedPostgres } from './startEmbeddedPostgres.ts';
    const embedded = await startEmbeddedPostgres({ dataPath: ${JSON.stringify(dataPath)}, clusters: 1, portFirst: ${port}, clock, logger });
    const database = connectDatabase({ url: embedded.clusters[0].url(), clock, logger });
    await database.script('CREATE TABLE kept (v int); INSERT INTO kept VALUES (42)');
    process.stdout.write(String(embedded.clusters[0].pid));
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  child.kill('SIGKILL');
  await once(child, 'exit');
  return Number(said.toString());
}

test('links that an install script would have made are made at start, and only where they are missing', async () => {
  const { nativePath } = findPostgresBinaries();
  const copy = join(dataPath, 'package', 'native');
  await cp(nativePath, copy, { recursive: true, verbatimSymlinks: true });
  const links = JSON.parse(await readFile(join(copy, 'pg-symlinks.json'), 'utf8')) as { target: string }[];
  for (const { target } of links) await unlink(join(dataPath, 'package', target)).catch(() => undefined);
  assert.equal(await linkLibraries(copy), links.length);
  for (const { target } of links) assert.ok((await stat(join(dataPath, 'package', target))).isFile(), `${target} leads to a file`);
  assert.ok((await lstat(join(dataPath, 'package', links[0]!.target))).isSymbolicLink());
  assert.equal(await linkLibraries(copy), 0);
});

test('a server that outlived its killed parent is adopted, with what it had acknowledged', async () => {
  const pid = await startAndKillParent();
  const log = new LogRecorder();
  const embedded = await start(log);
  assert.equal(embedded.clusters[0]?.pid, pid);
  assert.ok(log.entries.some((entry) => /adopted/.test(entry.message)));
  const { rows } = await withDatabase(embedded.clusters[0]!.url(), (database) => database.query('SELECT v FROM kept'));
  assert.deepEqual(rows, [{ v: 42 }]);
  await embedded.stop();
  assert.equal(await readPostmasterFile(join(dataPath, 'postgres', 'pg0')), undefined, 'an adopted server is stopped like any other');
});

test('a leftover server on another port is stopped and started on the wanted one', async () => {
  const pid = await startAndKillParent();
  port = await freePort();
  const embedded = await start();
  assert.notEqual(embedded.clusters[0]?.pid, pid);
  const { rows } = await withDatabase(embedded.clusters[0]!.url(), (database) => database.query('SELECT v FROM kept'));
  assert.deepEqual(rows, [{ v: 42 }]);
});

test('a lock file whose process number now belongs to somebody else does not stop a start', async () => {
  await (await start()).stop();
  const lock = ['1', join(dataPath, 'postgres', 'pg0'), '1700000000', String(port), '', '127.0.0.1', '0 0', 'ready', ''].join('\n');
  const path = join(dataPath, 'postgres', 'pg0', 'postmaster.pid');
  await writeFile(path, lock, { mode: 0o600 });
  const account = findUnprivilegedUser();
  if (account !== undefined) await chown(path, account.uid, account.gid);
  const embedded = await start();
  assert.equal(await withDatabase(embedded.clusters[0]!.url(), async (database) => (await database.query('SELECT 1')).rowCount), 1);
});

test('a killed server is started again with every acknowledged row', async () => {
  const embedded = await start();
  const cluster = embedded.clusters[0]!;
  const before = cluster.pid;
  await withDatabase(cluster.url(), (database) => database.script('CREATE TABLE kept (v int); INSERT INTO kept VALUES (1)'));
  process.kill(before, 'SIGKILL');
  await waitFor(() => cluster.pid !== before && cluster.pid !== 0);
  const rows = await waitFor(() => withDatabase(cluster.url(), async (database) => (await database.query('SELECT v FROM kept')).rows));
  assert.deepEqual(rows, [{ v: 1 }]);
});

test('an adopted server that is killed is started again too', async () => {
  const pid = await startAndKillParent();
  const cluster = (await start()).clusters[0]!;
  process.kill(pid, 'SIGKILL');
  await waitFor(() => cluster.pid !== pid && cluster.pid !== 0);
  const rows = await waitFor(() => withDatabase(cluster.url(), async (database) => (await database.query('SELECT v FROM kept')).rows));
  assert.deepEqual(rows, [{ v: 42 }]);
});

test('the secret is random, private, and the only way in; the server listens on loopback and keeps what it acknowledges', async () => {
  const embedded = await start();
  const url = embedded.clusters[0]!.url();
  const secretPath = join(dataPath, 'secrets', 'postgres-password');
  const secret = (await readFile(secretPath, 'utf8')).trim();
  assert.equal((await stat(secretPath)).mode & 0o777, 0o600);
  assert.ok(secret.length >= 24 && secret !== 'password');
  const wrong = new URL(url);
  wrong.password = 'password';
  await assert.rejects(
    withDatabase(wrong.href, (database) => database.query('SELECT 1')),
    (error) => (error as { code?: string }).code === '28P01',
  );
  const names = ['listen_addresses', 'unix_socket_directories', 'fsync', 'synchronous_commit', 'full_page_writes', 'data_checksums'];
  const { rows } = await withDatabase(url, (database) =>
    database.query<{ name: string; setting: string }>('SELECT name, setting FROM pg_settings WHERE name = ANY ($1) ORDER BY name', [names]),
  );
  assert.deepEqual(Object.fromEntries(rows.map(({ name, setting }) => [name, setting])), {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    fsync: 'on',
    synchronous_commit: 'on',
    full_page_writes: 'on',
    data_checksums: 'on',
  });
});

test('root runs it as an account that was there before, and no account is made', { skip: !isRoot && 'needs root' }, async () => {
  const before = await readFile('/etc/passwd', 'utf8');
  const embedded = await start();
  const status = await readFile(`/proc/${embedded.clusters[0]!.pid}/status`, 'utf8');
  assert.equal(Number(/^Uid:\s+(\d+)/m.exec(status)?.[1]), findUnprivilegedUser()?.uid);
  assert.notEqual(findUnprivilegedUser()?.uid, 0);
  assert.equal(await readFile('/etc/passwd', 'utf8'), before);
});

test('root without any unprivileged account is told so', { skip: !isRoot && 'needs root' }, async () => {
  const passwd = join(dataPath, 'passwd');
  await writeFile(passwd, 'root:x:0:0:root:/root:/bin/sh\n');
  assert.throws(
    () => findUnprivilegedUser(passwd),
    (error) => isNoaError(error, 'EMBEDDED_ACCOUNT_MISSING'),
  );
});

test('a folder on the way that the account may not pass is found by name', { skip: !isRoot && 'needs root' }, async () => {
  const account = findUnprivilegedUser()!;
  const inner = join(dataPath, 'closed', 'inner');
  await mkdir(inner, { recursive: true });
  await chmod(dataPath, 0o711);
  await chmod(join(dataPath, 'closed'), 0o700);
  assert.equal(await findClosedFolder(inner, account), join(dataPath, 'closed'));
  await chmod(join(dataPath, 'closed'), 0o711);
  assert.equal(await findClosedFolder(inner, account), undefined);
});

test(
  "root's data in a closed folder still starts: the clusters go where their account can reach them",
  { skip: !isRoot && 'needs root' },
  async () => {
    const outer = dataPath;
    await chmod(outer, 0o700);
    dataPath = join(outer, 'data');
    try {
      const embedded = await start();
      const { rows } = await withDatabase(embedded.clusters[0]!.url(), (database) =>
        database.query("SELECT current_setting('data_directory') AS path"),
      );
      assert.deepEqual(rows, [{ path: join(postgresFallbackHome(dataPath), 'pg0') }]);
    } finally {
      await running?.stop();
      running = undefined;
      await rm(postgresFallbackHome(dataPath), { recursive: true, force: true });
      dataPath = outer;
    }
  },
);

test('a taken port is refused by number, with its holder and the way out', async () => {
  const holder = createServer();
  holder.listen(port, '127.0.0.1');
  await once(holder, 'listening');
  try {
    await assert.rejects(start(), (error) => {
      assert.ok(isNoaError(error, 'EMBEDDED_PORT_TAKEN'));
      assert.match(error.message, new RegExp(`Port ${port} .*--port-base`));
      if (process.platform === 'linux') assert.match(error.message, new RegExp(`process ${process.pid}`));
      return true;
    });
  } finally {
    holder.close();
  }
});

test('a data directory of another major version is refused, not touched', async () => {
  await (await start()).stop();
  const versionPath = join(dataPath, 'postgres', 'pg0', 'PG_VERSION');
  await writeFile(versionPath, '13\n');
  await assert.rejects(start(), (error) => isNoaError(error, 'EMBEDDED_VERSION_MISMATCH') && /made by PostgreSQL 13/.test(error.message));
  assert.equal(await readFile(versionPath, 'utf8'), '13\n');
});

test('a data folder that is a file is refused by name', async () => {
  const outer = dataPath;
  dataPath = join(outer, 'file');
  await writeFile(dataPath, '');
  try {
    await assert.rejects(start(), (error) => isNoaError(error) && error.message.includes(dataPath));
  } finally {
    dataPath = outer;
  }
});

test('several clusters are separate servers with one secret, and a database is made once', async () => {
  running = await startEmbeddedPostgres({ dataPath, clusters: 2, portFirst: port, clock, logger: silentLogger });
  const [first, second] = running.clusters;
  assert.notEqual(first?.pid, second?.pid);
  const url = await running.ensureDatabase('pg1', 'things');
  assert.equal(await running.ensureDatabase('pg1', 'things'), url);
  const identifiers = await Promise.all(
    [first!.url(), url].map((target) =>
      withDatabase(
        target,
        async (database) => (await database.query<{ id: string }>('SELECT system_identifier AS id FROM pg_control_system()')).rows[0]?.id,
      ),
    ),
  );
  assert.notEqual(identifiers[0], identifiers[1]);
});
