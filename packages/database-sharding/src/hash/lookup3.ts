/**
 * Bob Jenkins' lookup3 as PostgreSQL runs it for its 32-bit hash functions (`hash_bytes`, `hash_bytes_uint32`): little-endian words,
 * initial value 0x9e3779b9 + length + 3923095, seed 0. All arithmetic wraps at 32 bits; results are signed, as SQL's int4 shows them.
 * Source: postgres `src/common/hashfn.c`; Jenkins, "lookup3.c" (2006), public domain.
 */

/** 0x9e3779b9 + 3923095, the start of all three words before the length is added. */
const INIT = 0x9e3779b9 + 3923095;

/** PostgreSQL's `hash_bytes(bytes, length)`. @returns int32. O(length). */
export function hashBytes(bytes: Uint8Array, length: number = bytes.length): number {
  let a = (INIT + length) | 0;
  let b = a;
  let c = a;
  let at = 0;
  let left = length;
  while (left >= 12) {
    a = (a + word(bytes, at)) | 0;
    b = (b + word(bytes, at + 4)) | 0;
    c = (c + word(bytes, at + 8)) | 0;
    // mix
    a = ((a - c) | 0) ^ ((c << 4) | (c >>> 28));
    c = (c + b) | 0;
    b = ((b - a) | 0) ^ ((a << 6) | (a >>> 26));
    a = (a + c) | 0;
    c = ((c - b) | 0) ^ ((b << 8) | (b >>> 24));
    b = (b + a) | 0;
    a = ((a - c) | 0) ^ ((c << 16) | (c >>> 16));
    c = (c + b) | 0;
    b = ((b - a) | 0) ^ ((a << 19) | (a >>> 13));
    a = (a + c) | 0;
    c = ((c - b) | 0) ^ ((b << 4) | (b >>> 28));
    b = (b + a) | 0;
    at += 12;
    left -= 12;
  }
  a = (a + tailWord(bytes, at, Math.min(left, 4))) | 0;
  if (left > 4) b = (b + tailWord(bytes, at + 4, Math.min(left - 4, 4))) | 0;
  // The lowest byte of c belongs to the length, so the last up to 3 bytes start one higher.
  if (left > 8) c = (c + (tailWord(bytes, at + 8, left - 8) << 8)) | 0;
  return final(a, b, c);
}

/** PostgreSQL's `hash_bytes_uint32(value)`: the same as `hashBytes` of the four bytes, lowest first. @returns int32. */
export function hashUint32(value: number): number {
  const start = (INIT + 4) | 0;
  return final((start + value) | 0, start, start);
}

/** `hashBytes` of the 16 bytes whose four little-endian words are given; no allocation. @returns int32. */
export function hashFourWords(w0: number, w1: number, w2: number, w3: number): number {
  const start = (INIT + 16) | 0;
  let a = (start + w0) | 0;
  let b = (start + w1) | 0;
  let c = (start + w2) | 0;
  a = ((a - c) | 0) ^ ((c << 4) | (c >>> 28));
  c = (c + b) | 0;
  b = ((b - a) | 0) ^ ((a << 6) | (a >>> 26));
  a = (a + c) | 0;
  c = ((c - b) | 0) ^ ((b << 8) | (b >>> 24));
  b = (b + a) | 0;
  a = ((a - c) | 0) ^ ((c << 16) | (c >>> 16));
  c = (c + b) | 0;
  b = ((b - a) | 0) ^ ((a << 19) | (a >>> 13));
  a = (a + c) | 0;
  c = ((c - b) | 0) ^ ((b << 4) | (b >>> 28));
  b = (b + a) | 0;
  return final((a + w3) | 0, b, c);
}

function final(a0: number, b0: number, c0: number): number {
  let a = a0;
  let b = b0;
  let c = c0;
  c = ((c ^ b) - ((b << 14) | (b >>> 18))) | 0;
  a = ((a ^ c) - ((c << 11) | (c >>> 21))) | 0;
  b = ((b ^ a) - ((a << 25) | (a >>> 7))) | 0;
  c = ((c ^ b) - ((b << 16) | (b >>> 16))) | 0;
  a = ((a ^ c) - ((c << 4) | (c >>> 28))) | 0;
  b = ((b ^ a) - ((a << 14) | (a >>> 18))) | 0;
  return ((c ^ b) - ((b << 24) | (b >>> 8))) | 0;
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function tailWord(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let index = 0; index < count; index += 1) value |= bytes[at + index]! << (8 * index);
  return value;
}
