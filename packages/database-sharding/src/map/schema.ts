import type { Migration } from '@noa/core';

export const SHARD_SCHEMA = 'noa_shard';
/** Notified after each change of the map; the payload is the new epoch. */
export const MAP_CHANNEL = 'noa_shard_map';

/**
 * One history for the control database and for shards, since one database may be both. `map` is filled in the control database only,
 * `identity` and `map_copy` on shards only. The single row of each is kept single by its primary key.
 */
export const SHARD_MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    name: 'map, identity, bucket function',
    sql: `
      CREATE TABLE map (
        only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
        epoch bigint NOT NULL, document jsonb NOT NULL, changed_at timestamptz NOT NULL DEFAULT now());
      CREATE TABLE map_copy (
        only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
        epoch bigint NOT NULL, document jsonb NOT NULL, copied_at timestamptz NOT NULL DEFAULT now());
      CREATE TABLE identity (
        only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
        cluster uuid NOT NULL, shard_id text NOT NULL, joined_at timestamptz NOT NULL DEFAULT now());
      CREATE FUNCTION bucket_of(hash int) RETURNS int LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
        AS 'SELECT ((hash::bigint + 2147483648) >> 20)::int';`,
  },
];
