import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { isNoaError } from '@noa/core';
import fc from 'fast-check';
import { BUCKET_COUNT, bucketOf, hashRangeOf } from './bucketOf.ts';
import { hashInt8 } from './hashInt8.ts';
import { hashText, TEXT_KEY_BYTES_MAX } from './hashText.ts';
import { hashUUID } from './hashUUID.ts';
import { hasherOf, KEY_TYPES, type KeyType } from './KeyType.ts';
import { hashBytes, hashFourWords, hashUint32 } from './lookup3.ts';

type Vectors = Readonly<Record<KeyType, readonly (readonly [key: string, hash: number])[]>>;
const golden = JSON.parse(readFileSync(new URL('goldenVectors.json', import.meta.url), 'utf8')) as Vectors;
const isInvalidKey = (error: unknown): boolean => isNoaError(error, 'SHARD_KEY_INVALID') && error.httpStatus === 400 && !error.retryable;
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });

describe('PostgreSQL-compatible hashes', () => {
  for (const keyType of KEY_TYPES) {
    test(`${keyType}: every golden vector of the server is met`, () => {
      const hash = hasherOf(keyType);
      assert.ok(golden[keyType].length >= 10);
      for (const [key, expected] of golden[keyType]) assert.equal(hash(key), expected, JSON.stringify(key));
    });
  }

  test('int8 as number, bigint and text hash alike', () => {
    for (const [key, expected] of golden.int8) {
      assert.equal(hashInt8(BigInt(key)), expected);
      if (Number.isSafeInteger(Number(key))) assert.equal(hashInt8(Number(key)), expected);
    }
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => hashInt8(value) === hashInt8(BigInt(value)) && hashInt8(value) === hashInt8(String(value))),
    );
  });

  test('an int4 hashes as its own 32 bits, negatives included, so int4 and int8 columns agree', () => {
    fc.assert(fc.property(int32, (value) => hashInt8(value) === hashUint32(value)));
  });

  test('the paths without allocation equal the byte path', () => {
    fc.assert(
      fc.property(int32, int32, int32, int32, (w0, w1, w2, w3) => {
        const bytes = Buffer.alloc(16);
        for (const [index, word] of [w0, w1, w2, w3].entries()) bytes.writeInt32LE(word, index * 4);
        return hashFourWords(w0, w1, w2, w3) === hashBytes(bytes) && hashUint32(w0) === hashBytes(bytes, 4);
      }),
    );
  });

  test('a UUID hashes alike in either case', () => {
    fc.assert(fc.property(fc.uuid(), (id) => hashUUID(id) === hashUUID(id.toUpperCase())));
  });

  test('a key of another form is refused with SHARD_KEY_INVALID (400)', () => {
    for (const key of [
      '',
      'x',
      '1234',
      '0190f5fe-7c00-7a00-8000-00000000000g',
      '0190f5fe07c00-7a00-8000-000000000000',
      '{190f5fe-7c00-7a00-8000-000000000000}',
    ]) {
      assert.throws(() => hashUUID(key), isInvalidKey, key);
    }
    for (const key of ['', '1.5', '01', '+1', '-0', ' 1', '1e3', '0x10', '9223372036854775808', '-9223372036854775809', '99999999999999999999']) {
      assert.throws(() => hashInt8(key), isInvalidKey, key);
    }
    for (const key of [1.5, Number.NaN, 2 ** 53, 2n ** 63n, -(2n ** 63n) - 1n]) assert.throws(() => hashInt8(key), isInvalidKey, String(key));
    for (const key of ['a\0b', '\ud800', 'a'.repeat(TEXT_KEY_BYTES_MAX + 1), 'é'.repeat(TEXT_KEY_BYTES_MAX / 2 + 1)]) {
      assert.throws(() => hashText(key), isInvalidKey);
    }
    assert.equal(typeof hashText('é'.repeat(TEXT_KEY_BYTES_MAX / 2)), 'number', 'the limit itself is allowed');
  });
});

describe('buckets', () => {
  test('are equal, adjacent ranges that cover the int32 space', () => {
    assert.equal(hashRangeOf(0).from, -(2 ** 31));
    assert.equal(hashRangeOf(BUCKET_COUNT - 1).to, 2 ** 31 - 1);
    for (let bucket = 0; bucket < BUCKET_COUNT; bucket += 1) {
      const { from, to } = hashRangeOf(bucket);
      assert.equal(to - from + 1, 2 ** 32 / BUCKET_COUNT);
      assert.equal(bucketOf(from), bucket);
      assert.equal(bucketOf(to), bucket);
      if (bucket > 0) assert.equal(hashRangeOf(bucket - 1).to + 1, from);
    }
  });

  test('hold every hash that lies in their range', () => {
    fc.assert(
      fc.property(int32, (hash) => {
        const { from, to } = hashRangeOf(bucketOf(hash));
        return from <= hash && hash <= to;
      }),
    );
  });

  test('fill evenly: chi-square over 100,000 sequential ints, texts and random UUIDs stays below its 1-in-a-million bound', () => {
    const KEYS = 100_000;
    // 256 groups of 16 buckets: 255 degrees of freedom, quantile 1 - 1e-6 = 370.6 (Wilson and Hilferty).
    const CHI_SQUARE_MAX = 370.6;
    const keyOf: Record<KeyType, (index: number) => string> = {
      int8: String,
      text: (index) => `user-${index}@example.com`,
      uuid: () => randomUUID(),
    };
    for (const keyType of KEY_TYPES) {
      const hash = hasherOf(keyType);
      const counts = Array.from({ length: 256 }, () => 0);
      for (let index = 0; index < KEYS; index += 1) counts[bucketOf(hash(keyOf[keyType](index))) >> 4]! += 1;
      const expected = KEYS / counts.length;
      const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
      assert.ok(chiSquare < CHI_SQUARE_MAX, `${keyType}: chi-square ${chiSquare}`);
    }
  });
});
