import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { isNoaError, systemClock, systemRandom } from '@noa/core';
import { LogRecorder, waitFor } from '@noa/testing';
import { SupervisedProcess } from './SupervisedProcess.ts';

let folder: string;
let child: SupervisedProcess | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'noa-supervised-'));
});
afterEach(async () => {
  await child?.stop();
  child = undefined;
  await rm(folder, { recursive: true, force: true });
});

/** A program of the test's own, supervised. */
async function supervise(program: string, onChange: () => void = () => undefined): Promise<{ child: SupervisedProcess; log: LogRecorder }> {
  const mainPath = join(folder, 'main.mjs');
  await writeFile(mainPath, program);
  const log = new LogRecorder();
  child = new SupervisedProcess({
    name: 'sample',
    port: 4_711,
    mainPath,
    env: { PATH: process.env['PATH'], FOLDER: folder },
    logPath: join(folder, 'sample.log'),
    clock: systemClock,
    random: systemRandom,
    logger: log,
    onChange,
  });
  return { child, log };
}

const STAYS = "process.on('SIGTERM', () => process.exit(0)); setInterval(() => undefined, 1000);";

test('start resolves at the word "ready", with the process on record and its output in the log', async () => {
  const { child: sample } = await supervise(`console.log('hello'); process.send({ type: 'ready' }); ${STAYS}`);
  await sample.start();
  assert.equal(sample.record?.name, 'sample');
  assert.equal(sample.record?.port, 4_711);
  process.kill(sample.record?.pid ?? 0, 0);
  await waitFor(async () => (await readFile(join(folder, 'sample.log'), 'utf8')).includes('hello'));
});

test('a program that ends before it is ready fails the start with its last words', async () => {
  const { child: sample } = await supervise("console.error('sample: the flux is low'); process.exit(3);");
  await assert.rejects(sample.start(), (error) => {
    assert.ok(isNoaError(error, 'PROGRAM_START_FAILED'));
    assert.match(error.message, /the flux is low[\s\S]*\.\/noa logs sample/);
    return true;
  });
  assert.equal(sample.record, undefined);
});

test('exit code 78 is a refused configuration, said in the program’s words', async () => {
  const { child: sample } = await supervise('console.error(\'sample: a.b: expected an integer, got "x" (NOA_AB)\'); process.exit(78);');
  await assert.rejects(
    sample.start(),
    (error) => isNoaError(error, 'CONFIG_INVALID') && error.message === 'a.b: expected an integer, got "x" (NOA_AB)',
  );
});

test('a program that is killed is started again, and each change is told', async () => {
  let changes = 0;
  const { child: sample, log } = await supervise(`process.send({ type: 'ready' }); ${STAYS}`, () => (changes += 1));
  await sample.start();
  const before = sample.record?.pid ?? 0;
  process.kill(before, 'SIGKILL');
  const after = await waitFor(() => sample.record !== undefined && sample.record.pid !== before && sample.record.pid);
  assert.notEqual(after, before);
  await waitFor(() => log.entries.some((entry) => /serving again/.test(entry.message)));
  assert.ok(changes >= 3, 'up, down, up');
});

test('stop asks with SIGTERM, waits for the end, and nothing starts again', async () => {
  const { child: sample } = await supervise(
    `import { writeFileSync } from 'node:fs';
     process.on('SIGTERM', () => { writeFileSync(process.env.FOLDER + '/drained', ''); process.exit(0); });
     process.send({ type: 'ready' }); setInterval(() => undefined, 1000);`,
  );
  await sample.start();
  const pid = sample.record?.pid ?? 0;
  await sample.stop();
  await readFile(join(folder, 'drained'));
  assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
  assert.equal(sample.record, undefined);
});
