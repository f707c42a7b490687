import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { isNoaError, systemRandom } from '@noa/core';
import { SeededRandom } from '@noa/testing';
import { readOrCreateSecret } from './secretFile.ts';

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'noa-secret-'));
  path = join(folder, 'secret');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('a secret is made once, private, and read again', async () => {
  const secret = await readOrCreateSecret(path, systemRandom);
  assert.match(secret, /^[A-Za-z0-9_-]{24}$/);
  assert.equal(await readOrCreateSecret(path, systemRandom), secret);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.deepEqual(await readdir(folder), ['secret'], 'nothing is left beside it');
});

test('two folders have two secrets', async () => {
  assert.notEqual(await readOrCreateSecret(path, systemRandom), await readOrCreateSecret(`${path}2`, systemRandom));
});

test('who comes second takes the first one’s', async () => {
  const first = await readOrCreateSecret(path, new SeededRandom(1));
  assert.equal(await readOrCreateSecret(path, new SeededRandom(2)), first);
});

test('a secret that others may read is closed again', async () => {
  await writeFile(path, 'kept', { mode: 0o644 });
  assert.equal(await readOrCreateSecret(path, systemRandom), 'kept');
  assert.equal((await stat(path)).mode & 0o777, 0o600);
});

test('an empty file, as a crash leaves it, is no secret', async () => {
  await writeFile(path, '');
  assert.match(await readOrCreateSecret(path, systemRandom), /^[A-Za-z0-9_-]{24}$/);
});

test('a place that is no folder is refused by name', async () => {
  await writeFile(path, 'x');
  await assert.rejects(readOrCreateSecret(join(path, 'inner'), systemRandom), (error) => isNoaError(error, 'DATA_UNWRITABLE'));
});
