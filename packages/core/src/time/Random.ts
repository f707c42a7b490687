import { randomBytes } from 'node:crypto';

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
  bytes: (length) => randomBytes(length),
};

/** An integer in [0, bound). */
export function randomBelow(random: Random, bound: number): number {
  return Math.floor(random.next() * bound);
}
