import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { findLockOwner, readPostmasterFile, removeStrangersLock } from './postmasterFile.ts';

/** A folder that plays a data directory; `sleep` plays its server: what counts is the process's working directory. */
let path: string;

beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'noa-postmaster-'));
});
afterEach(() => rm(path, { recursive: true, force: true }));

function writeLock(pid: number | string): Promise<void> {
  return writeFile(join(path, 'postmaster.pid'), [pid, path, 1_700_000_000, 5_432, '', '127.0.0.1', '1234 5', 'ready   ', ''].join('\n'));
}

async function withProcessIn<T>(cwd: string, body: (pid: number) => Promise<T>): Promise<T> {
  const child = spawn('sleep', ['60'], { cwd, stdio: 'ignore' });
  await once(child, 'spawn');
  try {
    return await body(child.pid ?? 0);
  } finally {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
}

test('the lines of a lock file are told apart', async () => {
  await writeLock(4_711);
  assert.deepEqual(await readPostmasterFile(path), { pid: 4_711, dataPath: path, port: 5_432, status: 'ready' });
});

test('no lock file, or one whose process is gone, is nobody’s', async () => {
  assert.deepEqual(await findLockOwner(path), { kind: 'nobody' });
  const pid = await withProcessIn(path, async (dead) => dead);
  await writeLock(pid);
  assert.deepEqual(await findLockOwner(path), { kind: 'nobody' });
});

test('a process that works in the directory is its server, by whatever name the directory is called', async () => {
  await withProcessIn(path, async (pid) => {
    await writeLock(pid);
    const alias = `${path}-alias`;
    await symlink(path, alias);
    try {
      for (const name of [path, alias]) {
        const owner = await findLockOwner(name);
        assert.deepEqual([owner.kind, owner.kind === 'server' && owner.file.pid], ['server', pid], name);
      }
    } finally {
      await rm(alias);
    }
  });
});

test('a process that works elsewhere is a stranger, even when its number is in the file', async () => {
  const elsewhere = join(path, 'elsewhere');
  await mkdir(elsewhere);
  await withProcessIn(elsewhere, async (pid) => {
    await writeLock(pid);
    assert.deepEqual(await findLockOwner(path), { kind: 'stranger' });
  });
});

test('an empty or garbled lock file, as a power cut leaves it, is a stranger’s and can be removed', async () => {
  for (const text of ['', '\0\0\0\0', '4711\n', 'abc\ndef\n1\n2\n']) {
    await writeFile(join(path, 'postmaster.pid'), text);
    assert.deepEqual(await findLockOwner(path), { kind: 'stranger' }, JSON.stringify(text));
  }
  await removeStrangersLock(path);
  await assert.rejects(stat(join(path, 'postmaster.pid')));
  assert.deepEqual(await findLockOwner(path), { kind: 'nobody' });
});
