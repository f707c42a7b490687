/** Codes that `@noa/database-sharding` throws: code → when it is thrown, what to check. docs/errors.md is generated from this table. */
export const SHARDING_ERRORS = {
  SHARD_KEY_INVALID: "A shard key does not have the form of its keyspace's type (uuid, text, int8); the caller sent something else.",
  SHARD_UNAVAILABLE: "A shard's database cannot be reached; keys on other shards are served on. Check that server and its pool.",
  SHARD_NOT_CONFIGURED: 'The shard map names a shard that this process was not given; restart it with the current NOA_SHARDS.',
  SHARD_SET_CHANGED: 'The given shards are not those of the shard map; keys are never silently rehashed. Give the same set again.',
  SHARD_IDENTITY_MISMATCH: 'A database is not the shard it was given as: shards swapped, one given twice, emptied, or of another deployment.',
  SHARD_KEYSPACE_MISMATCH:
    'A keyspace was opened with another key type than the shard map or the configured rules hold, or the rules do not list it.',
  SHARD_MAP_INVALID: 'The stored shard map is not valid for this version; the details name the path. It may be written by a newer version.',
  SHARD_MAP_STALE: 'A shard has seen a newer shard map than the control database holds; was the control database restored from a backup?',
  SHARD_MAP_CONTENDED: 'The shard map was changed by others at every attempt; try again.',
  SHARD_MIGRATION_FAILED: 'A migration failed on the named shards, the others are done; repair the cause and run it again.',
  SHARD_PAGE_UNORDERED: "A shard's page was not in the order of the merge; the query's ORDER BY, its collation and `compare` disagree.",
  DIRECTORY_VALUE_TAKEN: 'A unique value already belongs to another owner.',
  DIRECTORY_VALUE_INVALID: 'A value or owner for the directory is empty, too long or holds a zero character.',
} as const;
