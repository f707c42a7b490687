import { bucketOf } from '../hash/bucketOf.ts';
import { hasherOf, type KeyHasher, type KeyType } from '../hash/KeyType.ts';
import { expandAssignment, type Assignment } from '../map/Assignment.ts';
import type { Placement, ShardingStrategy } from './ShardingStrategy.ts';

/**
 * Key → PostgreSQL's 32-bit hash → bucket → shard, by a table of 4,096 entries. Unlike "hash modulo shard count" a shard can be added later
 * by reassigning 1/(n+1) of the buckets, and the same bucket can be computed in SQL. O(1) after the hash.
 */
export class HashStrategy implements ShardingStrategy {
  readonly kind = 'hash';
  readonly #hash: KeyHasher;
  readonly #owners: readonly string[];

  constructor(options: { keyType: KeyType; assignment: Assignment }) {
    this.#hash = hasherOf(options.keyType);
    this.#owners = expandAssignment(options.assignment);
  }

  locate(key: string): Placement {
    const bucket = bucketOf(this.#hash(key));
    return { bucket, shardId: this.#owners[bucket]! };
  }
}
