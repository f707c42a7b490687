/** Where a key lives. */
export interface Placement {
  /** The slice of the keyspace that holds the key; slices are what moves between shards. 0..4095 under hashing. */
  readonly bucket: number;
  readonly shardId: string;
}

/**
 * A rule that decides which shard owns a key. Immutable: a changed map makes a new strategy, so that one lookup never sees two epochs.
 * Pure and synchronous: it sits on the path of every query.
 */
export interface ShardingStrategy {
  /** `hash`, `range`, … as in the configuration's `strategy`. */
  readonly kind: string;
  /** @throws NoaError `SHARD_KEY_INVALID` when the key does not have the form of the keyspace's type. */
  locate(key: string): Placement;
}
