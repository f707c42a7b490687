import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, cp, lstat, mkdir, mkdtemp, readdir, readFile, rm, stat, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { connectDatabase, silentLogger, systemClock } from '@noa/core';
import { findPostgresBinaries } from './postgresBinaries.ts';
import { prepareBinaries, preparePostgresHome } from './prepareInstall.ts';
import { removeEmbeddedPostgres } from './leftovers.ts';
import { startEmbeddedPostgres } from './startEmbeddedPostgres.ts';
import { freePort } from './testServer.ts';
import { chooseAccount, findUnprivilegedUser, type Account } from './unprivilegedUser.ts';

const clock = systemClock;
const logger = silentLogger;
/** Other accounts than one's own can be taken by root only. Without root all other tests run as an ordinary user anyway. */
const options = { skip: process.getuid?.() !== 0 && 'needs root' };
let dataPath: string;
let account: Account;

beforeEach(async () => {
  dataPath = await mkdtemp(join(tmpdir(), 'noa-accounts-'));
  await chmod(dataPath, 0o711);
  account = findUnprivilegedUser() ?? { name: 'self', uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
});
afterEach(async () => {
  await removeEmbeddedPostgres(dataPath, clock);
  await rm(dataPath, { recursive: true, force: true });
});

/** Runs `body`, the inside of an async function with `startEmbeddedPostgres` in scope, as an ordinary user. */
async function runAs(uid: number, gid: number, body: string): Promise<{ code: number | null; output: string }> {
  const script = `
    import { isNoaError, silentLogger as logger, systemClock as clock } from '@noa/core';
    import { startEmbeddedPostgres } from './startEmbeddedPostgres.ts';
    ${body}`;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
    cwd: import.meta.dirname,
    env: { PATH: process.env['PATH'] ?? '' },
    stdio: ['ignore', 'pipe', 'pipe'],
    uid,
    gid,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}

const startAndStop = (path: string, port: number): string => `
  const embedded = await startEmbeddedPostgres({ dataPath: ${JSON.stringify(path)}, clusters: 1, portFirst: ${port}, clock, logger });
  await embedded.ensureDatabase('pg0', 'kept');
  await embedded.stop();`;

test('an ordinary user runs it as himself, and root afterwards as that user', options, async () => {
  await chown(dataPath, account.uid, account.gid);
  const port = await freePort();
  assert.deepEqual(await runAs(account.uid, account.gid, startAndStop(dataPath, port)), { code: 0, output: '' });
  const clusterPath = join(dataPath, 'postgres', 'pg0');
  assert.equal((await stat(clusterPath)).uid, account.uid);
  assert.equal((await chooseAccount([clusterPath]))?.uid, account.uid);
  const embedded = await startEmbeddedPostgres({ dataPath, clusters: 1, portFirst: port, clock, logger });
  const database = connectDatabase({ url: embedded.clusters[0]!.url('kept'), clock, logger, poolMax: 1 });
  assert.equal((await database.query('SELECT 1')).rowCount, 1);
  await database.stop();
  await embedded.stop();
  assert.deepEqual(await runAs(account.uid, account.gid, startAndStop(dataPath, port)), { code: 0, output: '' }, 'and he can start it again');
});

test('an ordinary user whose folder is not his is refused by its name, with the way out', options, async () => {
  const path = join(dataPath, 'closed');
  await mkdir(path, { mode: 0o755 });
  const { code, output } = await runAs(
    account.uid,
    account.gid,
    `try {${startAndStop(path, 1)}} catch (error) { if (isNoaError(error)) { console.log(error.code, error.message); process.exit(7); } throw error; }`,
  );
  assert.equal(code, 7, output);
  assert.match(output, new RegExp(`^DATA_UNWRITABLE ${path}.*--data`));
});

test('as root the folder of clusters stays root’s and is closed for looking, each cluster is the account’s alone', options, async () => {
  const embedded = await startEmbeddedPostgres({ dataPath, clusters: 1, portFirst: await freePort(), clock, logger });
  await embedded.stop();
  const home = await stat(join(dataPath, 'postgres'));
  assert.deepEqual([home.uid, home.mode & 0o777], [0, 0o711]);
  const cluster = await stat(join(dataPath, 'postgres', 'pg0'));
  assert.deepEqual([cluster.uid, cluster.mode & 0o777], [account.uid, 0o700]);
  assert.deepEqual((await readdir(join(dataPath, 'postgres'))).sort(), ['pg0', 'pg0.log'], 'no password file is left');
});

test('a data folder closed by its own mode is opened for passing through, not for looking', options, async () => {
  await chmod(dataPath, 0o700);
  assert.equal(await preparePostgresHome(dataPath, account, logger), join(dataPath, 'postgres'));
  assert.equal((await stat(dataPath)).mode & 0o777, 0o711);
});

test('binaries that the account may not run are copied to where it may, with links and rights', options, async () => {
  const { nativePath, version } = findPostgresBinaries();
  const closed = join(dataPath, 'package', 'native');
  await cp(nativePath, closed, { recursive: true, verbatimSymlinks: true });
  // As an install under umask 077 leaves it.
  for (const name of await readdir(closed, { recursive: true })) {
    const entry = await lstat(join(closed, name));
    if (!entry.isSymbolicLink()) await chmod(join(closed, name), entry.mode & 0o700);
  }
  await chmod(closed, 0o700);
  const home = await preparePostgresHome(dataPath, account, logger);
  const copy = await prepareBinaries({ nativePath: closed, version }, home, account);
  assert.equal(copy, join(home, `native-${version}`));
  const child = spawn(join(copy, 'bin', 'initdb'), ['--version'], { uid: account.uid, gid: account.gid, cwd: '/' });
  assert.deepEqual(await once(child, 'close'), [0, null]);
  assert.equal(await prepareBinaries({ nativePath: closed, version }, home, account), copy, 'the copy is found again');
});

test('missing links in a folder that is not ours to write are cured by a copy', options, async () => {
  const { nativePath, version } = findPostgresBinaries();
  const closed = join(dataPath, 'package', 'native');
  await cp(nativePath, closed, { recursive: true, verbatimSymlinks: true });
  const links = JSON.parse(await readFile(join(closed, 'pg-symlinks.json'), 'utf8')) as { target: string }[];
  for (const { target } of links) await unlink(join(dataPath, 'package', target));
  await chown(dataPath, account.uid, account.gid);
  const home = join(dataPath, 'home');
  await mkdir(home);
  await chown(home, account.uid, account.gid);
  const { code, output } = await runAs(
    account.uid,
    account.gid,
    `import { prepareBinaries } from './prepareInstall.ts';
     console.log(await prepareBinaries(${JSON.stringify({ nativePath: closed, version })}, ${JSON.stringify(home)}, undefined));`,
  );
  assert.deepEqual([code, output.trim()], [0, join(home, `native-${version}`)]);
  for (const { target } of links) assert.ok((await stat(join(output.trim(), target.replace('native/', '')))).size > 0, target);
});

test('a user number without an account, as containers give, is told what initdb needs', options, async () => {
  await chown(dataPath, 54_321, 54_321);
  const { code, output } = await runAs(54_321, 54_321, startAndStop(dataPath, 1));
  assert.notEqual(code, 0);
  assert.match(output, /EMBEDDED_ACCOUNT_MISSING/);
  assert.match(output, /NOA_DATABASE_URL/);
});
