import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { connectDatabase, silentLogger, systemClock } from '@noa/core';
import { startTestServer } from './testServer.ts';

const clock = systemClock;
const logger = silentLogger;
let parentPath: string;

beforeEach(async () => {
  parentPath = await mkdtemp(join(tmpdir(), 'noa-testing-'));
  await chmod(parentPath, 0o711);
});
afterEach(() => rm(parentPath, { recursive: true, force: true }));

async function answers(url: string): Promise<boolean> {
  const database = connectDatabase({ url, clock, logger, poolMax: 1 });
  try {
    await database.query('SELECT 1');
    return true;
  } catch {
    return false;
  } finally {
    await database.stop();
  }
}

test('a test server answers its superuser, and nothing of it is left after stop', async () => {
  const server = await startTestServer({ clock, logger, parentPath });
  const database = connectDatabase({ url: server.url, clock, logger, poolMax: 1 });
  const { rows } = await database.query("SELECT current_setting('is_superuser') AS super, current_setting('fsync') AS fsync");
  assert.deepEqual(rows, [{ super: 'on', fsync: 'off' }]);
  await database.stop();
  await server.stop();
  assert.equal(await answers(server.url), false);
  assert.deepEqual(await readdir(parentPath), []);
});

test('the server of a killed test run is ended and removed by the next, that of a living one is not', async () => {
  const script = `
    import { silentLogger as logger, systemClock as clock } from '@noa/core';
    import { startTestServer } from './testServer.ts';
    process.stdout.write((await startTestServer({ clock, logger, parentPath: ${JSON.stringify(parentPath)} })).url);
    process.stdin.resume();`;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
    cwd: import.meta.dirname,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  const leftURL = said.toString();
  const living = await startTestServer({ clock, logger, parentPath });
  assert.equal(await answers(leftURL), true, 'its run still lives');
  child.kill('SIGKILL');
  await once(child, 'exit');
  const next = await startTestServer({ clock, logger, parentPath });
  assert.deepEqual([await answers(leftURL), await answers(living.url), await answers(next.url)], [false, true, true]);
  await next.stop();
  await living.stop();
  assert.deepEqual(await readdir(parentPath), []);
});

test('folders of others are not touched', async () => {
  await mkdir(join(parentPath, 'noa-test-server-without-owner'));
  await mkdir(join(parentPath, 'something'));
  await (await startTestServer({ clock, logger, parentPath })).stop();
  assert.deepEqual((await readdir(parentPath)).sort(), ['noa-test-server-without-owner', 'something']);
});
