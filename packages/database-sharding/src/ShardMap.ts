import { NoaError } from '@noa/core';
import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { BUCKET_COUNT } from './hash/bucketOf.ts';
import { KEY_TYPES } from './hash/KeyType.ts';

/** Shards a map may hold: beyond it fewer than 50 buckets a shard are left, too coarse to balance. */
export const SHARDS_MAX = 80;
/** Keyspaces a map may hold. */
export const KEYSPACES_MAX = 100;
export const SHARD_ID_PATTERN = '^[a-z][a-z0-9-]{0,62}$';
export const KEYSPACE_NAME_PATTERN = '^[a-z][a-z0-9_-]{0,62}$';

const exact = { additionalProperties: false } as const;

/** A set of tables that are cut by one key. */
export const KeyspaceSchema = Type.Object(
  {
    name: Type.String({ pattern: KEYSPACE_NAME_PATTERN }),
    hash: Type.Literal('pg32'),
    buckets: Type.Literal(BUCKET_COUNT),
    keyType: Type.Enum([...KEY_TYPES]),
  },
  exact,
);
export type Keyspace = Static<typeof KeyspaceSchema>;

/**
 * A database of the map. `joining`: named but perhaps not yet marked with its identity, so an unmarked database may take its place;
 * `active`: marked, from now on nothing but that very database is accepted.
 */
export const MappedShardSchema = Type.Object(
  {
    id: Type.String({ pattern: SHARD_ID_PATTERN }),
    engine: Type.Literal('postgres'),
    state: Type.Enum(['joining', 'active']),
  },
  exact,
);
export type MappedShard = Static<typeof MappedShardSchema>;

/**
 * The one truth about where buckets live. Closed on purpose: a field that this version does not know could change the routing,
 * so a map that has one is refused rather than half understood.
 */
export const ShardMapSchema = Type.Object(
  {
    version: Type.Literal(1),
    /** Grows by one with each change. */
    epoch: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
    /** UUID made with the first map; marks every shard as belonging to this deployment. */
    cluster: Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' }),
    keyspaces: Type.Array(KeyspaceSchema, { maxItems: KEYSPACES_MAX }),
    /** Shared by all keyspaces, so rows of one user stay together. */
    assignment: Type.Array(Type.Tuple([Type.String(), Type.Integer({ minimum: 1, maximum: BUCKET_COUNT })]), { minItems: 1, maxItems: BUCKET_COUNT }),
    shards: Type.Array(MappedShardSchema, { minItems: 1, maxItems: SHARDS_MAX }),
  },
  exact,
);
export type ShardMap = Static<typeof ShardMapSchema>;

const validator = Compile(ShardMapSchema);

/**
 * Checks a stored or received map: its shape, every bucket owned exactly once, every owner known, names unique.
 * @throws NoaError `SHARD_MAP_INVALID` whose details list what is wrong, as `path: expectation`.
 */
export function parseShardMap(value: unknown): ShardMap {
  const problems = validator.Check(value)
    ? problemsOf(value)
    : validator.Errors(value).map((error) => `${error.instancePath || '/'}: ${error.message}`);
  if (problems.length === 0) return value as ShardMap;
  throw new NoaError('SHARD_MAP_INVALID', { message: 'The shard map is not valid', details: { problems: problems.slice(0, PROBLEMS_MAX) } });
}

/** Problems reported of one map. */
const PROBLEMS_MAX = 20;

function problemsOf(map: ShardMap): string[] {
  const problems: string[] = [];
  const ids = new Set(map.shards.map((shard) => shard.id));
  if (ids.size !== map.shards.length) problems.push('/shards: expected distinct ids');
  if (new Set(map.keyspaces.map((keyspace) => keyspace.name)).size !== map.keyspaces.length) problems.push('/keyspaces: expected distinct names');
  let total = 0;
  for (const [index, [shardId, buckets]] of map.assignment.entries()) {
    total += buckets;
    if (!ids.has(shardId)) problems.push(`/assignment/${index}: expected a shard of the map, got ${JSON.stringify(shardId)}`);
    if (map.assignment[index - 1]?.[0] === shardId) problems.push(`/assignment/${index}: expected another shard than the run before`);
  }
  if (total !== BUCKET_COUNT) problems.push(`/assignment: expected ${BUCKET_COUNT} buckets, each owned once, got ${total}`);
  return problems;
}
