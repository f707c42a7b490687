import { NoaError } from '@noa/core';
import { hashFourWords } from './lookup3.ts';

const LENGTH = 36;

/**
 * PostgreSQL's `uuid_hash(uuid)`.
 * @param value - 8-4-4-4-12 hexadecimal digits, either case (PostgreSQL holds both for the same value).
 * @returns int32. No allocation.
 * @throws NoaError `SHARD_KEY_INVALID` for any other form.
 */
export function hashUUID(value: string): number {
  if (value.length !== LENGTH) throw invalid();
  for (const dash of [8, 13, 18, 23]) if (value.charCodeAt(dash) !== 0x2d) throw invalid();
  // The words are little-endian: the first byte written is the lowest.
  const w0 = byte(value, 0) | (byte(value, 2) << 8) | (byte(value, 4) << 16) | (byte(value, 6) << 24);
  const w1 = byte(value, 9) | (byte(value, 11) << 8) | (byte(value, 14) << 16) | (byte(value, 16) << 24);
  const w2 = byte(value, 19) | (byte(value, 21) << 8) | (byte(value, 24) << 16) | (byte(value, 26) << 24);
  const w3 = byte(value, 28) | (byte(value, 30) << 8) | (byte(value, 32) << 16) | (byte(value, 34) << 24);
  return hashFourWords(w0, w1, w2, w3);
}

function byte(value: string, at: number): number {
  return (digit(value.charCodeAt(at)) << 4) | digit(value.charCodeAt(at + 1));
}

function digit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  if (lower >= 0x61 && lower <= 0x66) return lower - 0x57;
  throw invalid();
}

function invalid(): NoaError {
  return new NoaError('SHARD_KEY_INVALID', { message: 'The key is not a UUID', httpStatus: 400 });
}
