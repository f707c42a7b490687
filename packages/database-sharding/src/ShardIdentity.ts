import { migrate, NoaError, type Database } from '@noa/core';
import { SHARD_MIGRATIONS, SHARD_SCHEMA } from './map/schema.ts';
import type { ShardMap } from './ShardMap.ts';

/** What a database says of itself; the database, not the configuration, knows which shard it is. */
interface Identity {
  readonly cluster: string;
  readonly shard_id: string;
}

/**
 * Makes sure that `database` is shard `shardId` of the map's deployment and gives it the map. A database without a mark is marked only
 * while the map says `joining`; later an unmarked one is an emptied or exchanged database, and serving from it would hide a loss.
 * @throws NoaError `SHARD_IDENTITY_MISMATCH`, or `SHARD_MAP_STALE` when the shard has seen a newer map than `map`.
 */
export async function admitShard(database: Database, shardId: string, map: ShardMap): Promise<void> {
  await migrate(database, SHARD_SCHEMA, SHARD_MIGRATIONS);
  if (map.shards.find((shard) => shard.id === shardId)?.state === 'joining') {
    await database.query('INSERT INTO noa_shard.identity (cluster, shard_id) VALUES ($1, $2) ON CONFLICT DO NOTHING', [map.cluster, shardId]);
  }
  const { rows } = await database.query<Identity>('SELECT cluster::text AS cluster, shard_id FROM noa_shard.identity');
  checkIdentity(rows[0], shardId, map);
  await copyMap(database, shardId, map);
}

function checkIdentity(found: Identity | undefined, shardId: string, map: ShardMap): void {
  if (found?.cluster === map.cluster && found.shard_id === shardId) return;
  const reason =
    found === undefined
      ? 'it carries no mark of a shard: it was emptied or is another database'
      : found.cluster === map.cluster
        ? `it is ${found.shard_id}: shards are swapped, or one database is given twice`
        : 'it belongs to another deployment';
  throw new NoaError('SHARD_IDENTITY_MISMATCH', {
    message: `The database given as ${shardId} is not that shard: ${reason}`,
    details: { shardId, found, cluster: map.cluster },
  });
}

/** Never replaces a newer copy: epochs on a shard only grow, whoever is late. */
async function copyMap(database: Database, shardId: string, map: ShardMap): Promise<void> {
  const { rows } = await database.query<{ epoch: string }>('SELECT epoch FROM noa_shard.map_copy');
  const seen = Number(rows[0]?.epoch ?? 0);
  if (seen > map.epoch) {
    throw new NoaError('SHARD_MAP_STALE', {
      message: `Shard ${shardId} has seen epoch ${seen} of the shard map, the control database holds ${map.epoch}`,
      details: { shardId, seen, epoch: map.epoch },
    });
  }
  if (seen === map.epoch) return;
  await database.query(
    `INSERT INTO noa_shard.map_copy (epoch, document) VALUES ($1, $2::jsonb)
     ON CONFLICT (only_row) DO UPDATE SET epoch = excluded.epoch, document = excluded.document, copied_at = now()
     WHERE map_copy.epoch < excluded.epoch`,
    [map.epoch, JSON.stringify(map)],
  );
}

/**
 * Refuses one database given as two shards before anything is written to it.
 * @throws NoaError `SHARD_IDENTITY_MISMATCH`.
 */
export async function refuseSharedDatabases(shards: readonly { id: string; database: Database }[]): Promise<void> {
  const prints = await Promise.all(shards.map((shard) => fingerprint(shard.database)));
  for (const [index, print] of prints.entries()) {
    const first = prints.indexOf(print);
    if (first === index) continue;
    throw new NoaError('SHARD_IDENTITY_MISMATCH', {
      message: `Shards ${shards[first]!.id} and ${shards[index]!.id} are one database; give each its own`,
      details: { shards: [shards[first]!.id, shards[index]!.id] },
    });
  }
}

/**
 * Same server and same database. Start time (microseconds) and port tell apart servers whose data folders were copied from each other;
 * the system identifier would not, and reading it may be forbidden.
 */
async function fingerprint(database: Database): Promise<string> {
  const { rows } = await database.query<{ print: string }>(
    `SELECT concat_ws('/', extract(epoch FROM pg_postmaster_start_time()), current_setting('port'),
       (SELECT oid FROM pg_database WHERE datname = current_database())) AS print`,
  );
  return rows[0]!.print;
}
