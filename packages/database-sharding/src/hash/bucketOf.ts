/** Slices of the hash space; fixed for good, for it is part of every map. Moves happen by bucket, so keep at least 50 a shard. */
export const BUCKET_COUNT = 4_096;

/** 32 - log2(BUCKET_COUNT): what is shifted out of an unsigned 32-bit position. */
const SHIFT = 20;
const INT4_MIN = -2_147_483_648;
const RANGE = 2 ** SHIFT;

/** The bucket 0..4095 of a PostgreSQL 32-bit hash: bucket 0 starts at -2^31, each is 2^20 hashes wide. SQL: `noa_shard.bucket_of(hash)`. */
export function bucketOf(hash: number): number {
  return (hash ^ INT4_MIN) >>> SHIFT;
}

/** The hashes of `bucket`, both ends included: what a `WHERE hash BETWEEN` or a publication's row filter needs. */
export function hashRangeOf(bucket: number): { readonly from: number; readonly to: number } {
  const from = INT4_MIN + bucket * RANGE;
  return { from, to: from + RANGE - 1 };
}
