import { NoaError } from '@noa/core';
import { hashUint32 } from './lookup3.ts';

const INT8_MIN = -(2n ** 63n);
const INT8_MAX = 2n ** 63n - 1n;
const DECIMAL = /^(0|-?[1-9]\d{0,18})$/;
/** Decimal texts up to this length are safe integers, so no BigInt is needed. */
const SAFE_DIGITS = 15;
const TWO_32 = 4_294_967_296;

/**
 * PostgreSQL's `hashint8(bigint)`; for values of int4 and int2 equal to `hashint4` and `hashint2`.
 * @param value - a safe integer, a bigint, or its decimal text without leading zeros or sign `+`; -2^63..2^63-1.
 * @returns int32.
 * @throws NoaError `SHARD_KEY_INVALID` for anything else.
 */
export function hashInt8(value: number | bigint | string): number {
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw invalid();
    return hashSafe(value);
  }
  if (typeof value === 'bigint') return hashBig(value);
  if (!DECIMAL.test(value)) throw invalid();
  return value.length <= SAFE_DIGITS ? hashSafe(Number(value)) : hashBig(BigInt(value));
}

/** The halves are folded so that a negative int8 hashes as the same negative int4 would. */
function hashSafe(value: number): number {
  const low = value | 0;
  const high = Math.floor(value / TWO_32) | 0;
  return hashUint32(low ^ (value >= 0 ? high : ~high));
}

function hashBig(value: bigint): number {
  if (value < INT8_MIN || value > INT8_MAX) throw invalid();
  const low = Number(BigInt.asIntN(32, value));
  const high = Number(value >> 32n) | 0;
  return hashUint32(low ^ (value >= 0n ? high : ~high));
}

function invalid(): NoaError {
  return new NoaError('SHARD_KEY_INVALID', { message: 'The key is not a 64-bit integer in decimal', httpStatus: 400 });
}
