import { migrate, type Database } from '@noa/core';
import { parseShardMap, type ShardMap } from '../ShardMap.ts';
import { MAP_CHANNEL, SHARD_MIGRATIONS, SHARD_SCHEMA } from './schema.ts';

/** The truth: one row in schema `noa_shard` of the control database, changed only by compare-and-swap on its epoch. */
export class ShardMapStore {
  readonly #control: Database;

  constructor(control: Database) {
    this.#control = control;
  }

  async prepare(): Promise<void> {
    await migrate(this.#control, SHARD_SCHEMA, SHARD_MIGRATIONS);
  }

  /** @throws NoaError `SHARD_MAP_INVALID` when what is stored is not a map of this version. */
  async load(): Promise<ShardMap | undefined> {
    const { rows } = await this.#control.query<{ document: unknown }>('SELECT document FROM noa_shard.map');
    return rows[0] === undefined ? undefined : parseShardMap(rows[0].document);
  }

  /** A fresh id for a deployment, made by the database. */
  async newCluster(): Promise<string> {
    const { rows } = await this.#control.query<{ id: string }>('SELECT gen_random_uuid()::text AS id');
    return rows[0]!.id;
  }

  /** Stores the first map. @returns false when there is one already. */
  async create(map: ShardMap): Promise<boolean> {
    const { rowCount } = await this.#control.query(
      `WITH created AS (INSERT INTO noa_shard.map (epoch, document) VALUES ($1, $2::jsonb) ON CONFLICT DO NOTHING RETURNING epoch)
       SELECT pg_notify('${MAP_CHANNEL}', epoch::text) FROM created`,
      valuesOf(map),
    );
    return rowCount === 1;
  }

  /** Puts `next` in the place of the map of epoch `next.epoch - 1`. @returns false when someone else was faster. */
  async replace(next: ShardMap): Promise<boolean> {
    const { rowCount } = await this.#control.query(
      `WITH changed AS (
         UPDATE noa_shard.map SET epoch = $1, document = $2::jsonb, changed_at = now() WHERE epoch = $1::bigint - 1 RETURNING epoch)
       SELECT pg_notify('${MAP_CHANNEL}', epoch::text) FROM changed`,
      valuesOf(next),
    );
    return rowCount === 1;
  }
}

/** Checked before it is written, so that a mistake of ours cannot become the truth. */
function valuesOf(map: ShardMap): unknown[] {
  parseShardMap(map);
  return [map.epoch, JSON.stringify(map)];
}
