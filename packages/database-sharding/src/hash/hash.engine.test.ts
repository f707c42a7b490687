import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestDatabase, SeededRandom, type TestDatabase } from '@noa/testing';
import { bucketOf } from './bucketOf.ts';
import { hasherOf, type KeyType } from './KeyType.ts';

const KEYS = 5_000;
const random = new SeededRandom(20_261_124);
const below = (bound: number): number => Math.floor(random.next() * bound);

let engine: TestDatabase;
before(async () => {
  engine = await createTestDatabase({ name: 'hash' });
});
after(() => engine.drop());

/** Hashes of `keys` by the server, with `expression` over `k` (text). */
async function askServer(expression: string, keys: readonly string[]): Promise<number[]> {
  const { rows } = await engine.database.query<{ hash: number }>(
    `SELECT ${expression} AS hash FROM unnest($1::text[]) WITH ORDINALITY AS keys (k, n) ORDER BY n`,
    [keys],
  );
  return rows.map((row) => row.hash);
}

async function compareWithServer(keyType: KeyType, expression: string, keys: readonly string[]): Promise<void> {
  const hash = hasherOf(keyType);
  const expected = await askServer(expression, keys);
  assert.equal(expected.length, keys.length);
  for (const [index, key] of keys.entries()) assert.equal(hash(key), expected[index], `${keyType} ${JSON.stringify(key)}`);
}

function randomUUIDText(): string {
  const hex = Buffer.from(random.bytes(16)).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Text of 0..59 code points from all planes: one to four UTF-8 bytes each, no zero, no surrogates. */
function randomText(): string {
  const codePoint = (): number => {
    const value = 1 + below([0x7f, 0x7ff, 0xd7ff, 0x10ffff][below(4)]!);
    return value >= 0xd800 && value <= 0xdfff ? value - 0x800 : value;
  };
  return Array.from({ length: below(60) }, () => String.fromCodePoint(codePoint())).join('');
}

function randomInt8(): string {
  const bits = 1 + below(64);
  return BigInt.asIntN(bits, BigInt(`0x${Buffer.from(random.bytes(8)).toString('hex')}`)).toString();
}

test('uuid: the hash equals uuid_hash for 5,000 random keys', async () => {
  await compareWithServer('uuid', 'uuid_hash(k::uuid)', Array.from({ length: KEYS }, randomUUIDText));
});

test('text: the hash equals hashtext for 5,000 random keys of one to four byte characters', async () => {
  await compareWithServer('text', 'hashtext(k)', Array.from({ length: KEYS }, randomText));
});

test('text: the hash does not depend on a deterministic collation of the column', async () => {
  await compareWithServer('text', 'hashtext(k COLLATE "C")', Array.from({ length: 500 }, randomText));
  await compareWithServer('text', 'hashtext(k COLLATE "ucs_basic")', Array.from({ length: 500 }, randomText));
});

test('int8: the hash equals hashint8 for 5,000 random keys of 1 to 64 bits', async () => {
  await compareWithServer('int8', 'hashint8(k::bigint)', Array.from({ length: KEYS }, randomInt8));
});

test('int8: keys of int4 and int2 columns hash alike, negatives included', async () => {
  const ints = Array.from({ length: 1_000 }, () => String(below(2 ** 32) - 2 ** 31));
  await compareWithServer('int8', 'hashint4(k::int)', ints);
  const shorts = Array.from({ length: 1_000 }, () => String(below(2 ** 16) - 2 ** 15));
  await compareWithServer('int8', 'hashint2(k::smallint)', shorts);
});

test('the bucket equals the one that SQL computes', async () => {
  const keys = Array.from({ length: 1_000 }, randomUUIDText);
  const buckets = await askServer('((uuid_hash(k::uuid)::bigint + 2147483648) >> 20)::int', keys);
  assert.deepEqual(
    keys.map((key) => bucketOf(hasherOf('uuid')(key))),
    buckets,
  );
});
