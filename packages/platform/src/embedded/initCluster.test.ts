import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isNoaError } from '@noa/core';
import { startFailure } from './initCluster.ts';
import { folderError } from './prepareInstall.ts';

test('the last words of PostgreSQL become a code and the way out', () => {
  const cases = [
    ['initdb: error: could not write to file "/d/base/1/2": No space left on device', 'DISK_FULL', /--data/],
    ['FATAL:  could not extend file: Disk quota exceeded', 'DISK_FULL', /--data/],
    ['FATAL:  data directory "/d" has wrong ownership\nPermission denied', 'DATA_UNWRITABLE', /--data/],
    ['LOG:  could not bind IPv4 address "127.0.0.1": Address already in use', 'EMBEDDED_PORT_TAKEN', /--port-base/],
    ['initdb: could not look up effective user ID 1234: user does not exist', 'EMBEDDED_ACCOUNT_MISSING', /NOA_DATABASE_URL/],
    ['FATAL:  something else', 'EMBEDDED_START_FAILED', /something else/],
  ] as const;
  for (const [words, code, way] of cases) {
    const error = startFailure('PostgreSQL', words);
    assert.equal(error.code, code, words);
    assert.match(error.message, way);
  }
});

test('refusals of the file system name the folder; what is no refusal stays as it is', () => {
  const of = (code: string): Error => Object.assign(new Error(code), { code });
  for (const [code, expected] of [
    ['ENOSPC', 'DISK_FULL'],
    ['EDQUOT', 'DISK_FULL'],
    ['EACCES', 'DATA_UNWRITABLE'],
    ['EPERM', 'DATA_UNWRITABLE'],
    ['EROFS', 'DATA_UNWRITABLE'],
    ['ENOTDIR', 'DATA_UNWRITABLE'],
    ['EEXIST', 'DATA_UNWRITABLE'],
    ['ENOTEMPTY', 'DATA_UNWRITABLE'],
  ] as const) {
    const error = folderError('/data', of(code));
    assert.ok(isNoaError(error, expected) && error.message.includes('/data') && error.message.includes('--data'), code);
  }
  const other = of('EMFILE');
  assert.equal(folderError('/data', other), other);
});
