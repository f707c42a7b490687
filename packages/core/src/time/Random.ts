import { randomBytes } from 'node:crypto';

/** Bytes drawn at once: a system call per id would be a large share of a small request. */
const POOL_BYTES = 8_192;

/** The only source of chance, so that tests can replay a seed. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Unpredictable bytes, for ids and secrets. */
  bytes(length: number): Uint8Array;
}

/** The machine's randomness. `next` is fast and predictable; `bytes` is cryptographic. */
export const systemRandom: Random = {
  next: () => Math.random(),
  bytes: pooledBytes(),
};

function pooledBytes(): (length: number) => Uint8Array {
  let pool = new Uint8Array(0);
  let used = 0;
  return (length) => {
    if (length > POOL_BYTES / 2) return randomBytes(length);
    if (used + length > pool.length) {
      pool = randomBytes(POOL_BYTES);
      used = 0;
    }
    // A copy, and the source wiped: nobody sees the bytes of another id or secret.
    const bytes = Uint8Array.prototype.slice.call(pool, used, used + length);
    pool.fill(0, used, used + length);
    used += length;
    return bytes;
  };
}

/** An integer in [0, bound). */
export function randomBelow(random: Random, bound: number): number {
  return Math.floor(random.next() * bound);
}
