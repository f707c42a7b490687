import { connectDatabase, silentLogger, systemClock } from '@noa/core';
import { BUCKET_COUNT, bucketOf, hashUUID, loadShardConfig } from '@noa/database-sharding';
import { personOf, prove, type DemoStep } from '../DemoContext.ts';

export const rowOnItsShard: DemoStep = {
  title: 'the row is on its shard',
  async run(context) {
    const { id } = personOf(context);
    const bucket = bucketOf(hashUUID(id));
    const { shards } = loadShardConfig(context.databases.shards);
    const found: string[] = [];
    let serverHash: number | undefined;
    for (const shard of shards) {
      const database = connectDatabase({ url: shard.url, clock: systemClock, logger: silentLogger, poolMax: 1 });
      try {
        const { rowCount } = await database.query('SELECT 1 FROM users.users WHERE id = $1', [id]);
        if (rowCount === 1) found.push(shard.id);
        const { rows } = await database.query<{ hash: number }>('SELECT uuid_hash($1::uuid) AS hash', [id]);
        serverHash = rows[0]?.hash;
      } finally {
        await database.stop();
      }
    }
    prove(found.length === 1, `exactly one shard has the row, found it on ${found.join(', ') || 'none'}`);
    prove(serverHash === hashUUID(id), "PostgreSQL's own hash of the id is the router's");
    return `bucket ${bucket} of ${BUCKET_COUNT}, on ${found[0]} and on none of the other ${shards.length - 1}`;
  },
};
