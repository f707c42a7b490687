import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isNoaError } from '@noa/core';
import { loadShardConfig } from './ShardConfig.ts';

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'noa-shards-'));
});
after(() => rmSync(folder, { recursive: true }));

function file(content: unknown, name = 'shards.json'): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

/** The complaints about `text`, one a line, without the folder's name. */
function complaints(text: string): string[] {
  try {
    loadShardConfig(text);
  } catch (error) {
    assert.ok(isNoaError(error, 'CONFIG_INVALID'), String(error));
    return error.message.replaceAll(`${folder}/`, '').split('\n');
  }
  return assert.fail('expected CONFIG_INVALID');
}

const shard = (index: number): object => ({ id: `shard-${index}`, url: `postgres://noa@db-${index}/noa` });

test('a list of URLs becomes shard-0, shard-1 … in its order', () => {
  assert.deepEqual(loadShardConfig(' postgres://a@one/x , postgresql://b@two/y?sslmode=require '), {
    shards: [
      { id: 'shard-0', url: 'postgres://a@one/x' },
      { id: 'shard-1', url: 'postgresql://b@two/y?sslmode=require' },
    ],
    keyspaces: [],
  });
});

test('the sample in config/ is valid', () => {
  const config = loadShardConfig(fileURLToPath(new URL('../../config/shards.json', import.meta.url)));
  assert.deepEqual(
    config.shards.map((each) => each.id),
    ['shard-0', 'shard-1'],
  );
  assert.deepEqual(config.keyspaces, [{ name: 'users', strategy: 'hash', keyType: 'uuid' }]);
});

test('a URL may come from a file beside the configuration, such as a mounted secret', () => {
  file('postgres://noa:s3cret@one/x\n', 'shard-0.url');
  assert.deepEqual(loadShardConfig(file({ shards: [{ id: 'shard-0', urlFile: 'shard-0.url' }] })).shards, [
    { id: 'shard-0', url: 'postgres://noa:s3cret@one/x' },
  ]);
  const [line] = complaints(file({ shards: [{ id: 'shard-0', urlFile: 'gone.url' }] }));
  assert.equal(line, 'shards.json: shards[0].urlFile: expected a readable file, got "gone.url" (ENOENT)');
  file('mysql://root:s3cret@one', 'wrong.url');
  assert.deepEqual(complaints(file({ shards: [{ id: 'shard-0', urlFile: 'wrong.url' }] })), [
    'shards.json: shards[0].urlFile: expected a file that holds a postgres:// URL, got mysql://[not shown]',
  ]);
});

test('every wrong value of a file is named by path, value and expectation', () => {
  const lines = complaints(
    file({
      shards: [{ id: 'Shard 0', url: 'postgres://a/x' }, { id: 'shard-1', url: 7 }, { url: 'postgres://c/x' }],
      keyspaces: [{ name: 'users', strategy: 'modulo', keyType: 'float8' }],
      extra: 1,
    }),
  );
  const expected = [
    'shards.json: shards[0].id: expected a name of lower-case letters, digits and -, got "Shard 0"',
    'shards.json: shards[1].url: expected a postgres:// URL, got [not shown, it may hold a password]',
    'shards.json: shards[2].id: is required: a name of lower-case letters, digits and -',
    'shards.json: keyspaces[0].strategy: expected "hash", got "modulo"',
    'shards.json: keyspaces[0].keyType: expected one of "uuid", "text", "int8", got "float8"',
    'shards.json: extra: is not known here, expected shards or keyspaces',
  ];
  assert.deepEqual([...lines].sort(), expected.sort());
});

test('a shard without a place, with two, or with the place or name of another is refused', () => {
  assert.deepEqual(complaints(file({ shards: [{ id: 'shard-0' }] })), ['shards.json: shards[0]: expected either url or urlFile, got neither']);
  assert.deepEqual(complaints(file({ shards: [{ ...shard(0), urlFile: 'x' }] })), [
    'shards.json: shards[0]: expected either url or urlFile, got both',
  ]);
  const own = 'expected an id and a database of its own, got those of shards[0]';
  assert.deepEqual(complaints(file({ shards: [shard(0), { ...shard(1), id: 'shard-0' }] })), [`shards[1]: ${own}`]);
  assert.deepEqual(complaints('postgres://a@one/x,postgres://b@one/x'), [`shards[1]: ${own}`]);
  assert.deepEqual(complaints('postgres://a@one/x,postgres://b@one:5432/x'), [`shards[1]: ${own}`], 'the default port is the same place');
  const users = { name: 'users', strategy: 'hash', keyType: 'uuid' };
  assert.deepEqual(complaints(file({ shards: [shard(0)], keyspaces: [users, users] })), [
    'keyspaces[1].name: expected a name of its own, got "users"',
  ]);
});

test('what is neither URLs nor a readable JSON file is refused, without showing what may be a password', () => {
  assert.match(
    complaints('no-such-file.json')[0]!,
    /^NOA_SHARDS: expected postgres:\/\/ URLs or the path of a readable file, got "no-such-file.json" \(ENOENT\)$/,
  );
  assert.deepEqual(complaints('mysql://root:s3cret@one/x'), ['NOA_SHARDS[0]: expected a postgres:// URL, got mysql://[not shown]']);
  assert.deepEqual(complaints('postgres://a@one/x,'), ['NOA_SHARDS[1]: expected a postgres:// URL, got nothing']);
  assert.deepEqual(complaints(file('{s3cret')), ['shards.json: expected a file of JSON, got 7 characters that are not']);
  assert.deepEqual(complaints('postgres:/noa:s3cret@one/x'), [
    'NOA_SHARDS: expected postgres:// URLs or the path of a readable file, got [not shown, it may hold a password] (ENOENT)',
  ]);
  assert.deepEqual(complaints(file({ shards: [{ id: 'shard-0', url: 'postgres://[' }] })), [
    'shards.json: shards[0].url: expected a postgres:// URL, got postgres://[not shown]',
  ]);
  assert.deepEqual(complaints(file([])), ['shards.json: (root): expected an object with shards and keyspaces, got []']);
  assert.deepEqual(complaints(file({ shards: [] })), ['shards.json: shards: expected a list of 1..80 shards, got []']);
  const many = Array.from({ length: 81 }, (_, index) => `postgres://a@db-${index}/x`).join(',');
  assert.deepEqual(complaints(many), ['NOA_SHARDS: expected 1..80 shards, got 81']);
});
