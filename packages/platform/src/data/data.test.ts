import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { isNoaError, systemClock } from '@noa/core';
import { SeededRandom } from '@noa/testing';
import { DataFolder } from './DataFolder.ts';
import { endProcess, isSameProcess, startTicksOf } from './processIdentity.ts';
import { ensureSecrets, SECRETS_FILE } from './Secrets.ts';
import { processRecord, readRunningState, writeState, type SystemState } from './SystemState.ts';

let folder: DataFolder;
beforeEach(async () => {
  folder = new DataFolder(await mkdtemp(join(tmpdir(), 'noa-data-')));
});
afterEach(() => rm(folder.path, { recursive: true, force: true }));

const stateOf = (record: SystemState['supervisor']): SystemState => ({
  supervisor: record,
  phase: 'running',
  topology: 'processes',
  portBase: 3_000,
  gateway: 'http://127.0.0.1:3000',
  admin: 'http://127.0.0.1:3010',
  publicURL: 'http://localhost:3000',
  processes: [],
  engines: [],
  startedAt: '2026-01-01T00:00:00.000Z',
});

test('secrets are made once, private, and kept', async () => {
  await folder.open();
  const first = await ensureSecrets(folder, new SeededRandom(1));
  const second = await ensureSecrets(folder, new SeededRandom(2));
  assert.deepEqual(second, first);
  assert.equal((await stat(join(folder.path, SECRETS_FILE))).mode & 0o777, 0o600);
  assert.equal((await stat(folder.secretsPath)).mode & 0o777, 0o700);
  assert.equal(Buffer.from(first.encryptionKey, 'base64').length, 32);
  assert.ok(first.adminToken.length >= 32 && first.adminPassword.length >= 20);
});

test('a state file is written whole: nothing beside it stays, and a broken one reads as none', async () => {
  await folder.open();
  await folder.writeJSON('x.json', { a: 1 });
  assert.deepEqual(await folder.readJSON('x.json'), { a: 1 });
  assert.deepEqual(
    (await readdir(folder.path)).filter((name) => name.startsWith('x.')),
    ['x.json'],
  );
  await writeFile(join(folder.path, 'x.json'), '{"a":');
  assert.equal(await folder.readJSON('x.json'), undefined);
});

test('a data folder that cannot be is refused by name, with the way out', async () => {
  await writeFile(join(folder.path, 'file'), '');
  await assert.rejects(new DataFolder(join(folder.path, 'file')).open(), (error) => {
    assert.ok(isNoaError(error, 'DATA_UNWRITABLE'));
    assert.match(error.message, /file.*--data/);
    return true;
  });
});

test('a place that takes no folders is refused too, and does not hang', { skip: process.platform !== 'linux' && 'needs /proc' }, async () => {
  await assert.rejects(new DataFolder('/proc/noa/data').open(), (error) => isNoaError(error, 'DATA_UNWRITABLE'));
});

test('missing parents are made', async () => {
  const deep = new DataFolder(join(folder.path, 'a', 'b', 'c'));
  await deep.open();
  assert.ok((await stat(deep.logsPath)).isDirectory());
});

test('a state counts only while the very process of it runs', async () => {
  await folder.open();
  assert.equal(await readRunningState(folder), undefined);
  await writeState(folder, stateOf(processRecord('supervisor', process.pid)));
  assert.equal((await readRunningState(folder))?.supervisor.pid, process.pid);
  await writeState(folder, stateOf({ ...processRecord('supervisor', process.pid), startTicks: '1' }));
  assert.equal(await readRunningState(folder), undefined, 'a later process with the same number is somebody else');
});

test('a process is known by number and start, and ended with a signal or, if it will not, a kill', async () => {
  const stubborn = spawn(process.execPath, ['-e', "process.on('SIGTERM', () => undefined); console.log('up'); setInterval(() => undefined, 1000)"]);
  await once(stubborn.stdout, 'data');
  const record = processRecord('stubborn', stubborn.pid ?? 0);
  assert.ok(isSameProcess(record));
  assert.equal(isSameProcess({ ...record, startTicks: '1' }), false);
  assert.equal(
    await endProcess({ ...record, startTicks: '1' }, { clock: systemClock, signal: 'SIGKILL', graceMs: 0 }),
    false,
    'a stranger is left alone',
  );
  assert.ok(isSameProcess(record));
  const ended = once(stubborn, 'exit');
  assert.equal(await endProcess(record, { clock: systemClock, signal: 'SIGTERM', graceMs: 50 }), true);
  assert.deepEqual(await ended, [null, 'SIGKILL']);
  assert.equal(startTicksOf(record.pid), undefined);
});
