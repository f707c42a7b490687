import { NoaError } from '@noa/core';
import { hashBytes } from './lookup3.ts';

/** Longest text key in UTF-8 bytes; a shard key is an identifier, and btree entries end near 2,700 bytes. */
export const TEXT_KEY_BYTES_MAX = 1_024;

const encoder = new TextEncoder();

/**
 * PostgreSQL's `hashtext(text)` in a UTF-8 database under a deterministic collation (every one unless created otherwise): the hash of its bytes.
 * @param value - well-formed, without U+0000 (PostgreSQL stores neither), at most `TEXT_KEY_BYTES_MAX` bytes.
 * @returns int32.
 * @throws NoaError `SHARD_KEY_INVALID` otherwise.
 */
export function hashText(value: string): number {
  if (value.length > TEXT_KEY_BYTES_MAX || value.includes('\0') || !value.isWellFormed()) throw invalid();
  const bytes = encoder.encode(value);
  if (bytes.length > TEXT_KEY_BYTES_MAX) throw invalid();
  return hashBytes(bytes);
}

function invalid(): NoaError {
  return new NoaError('SHARD_KEY_INVALID', {
    message: `The key is not text of at most ${TEXT_KEY_BYTES_MAX} bytes of well-formed UTF-8 without zero characters`,
    httpStatus: 400,
  });
}
