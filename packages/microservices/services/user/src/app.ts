import { createHmac } from 'node:crypto';
import { OutboxRelay, type ServiceHost } from '@noa/communication';
import { Directory } from '@noa/database-sharding';
import { Cursor } from './domain/Cursor.ts';
import { EmailReleases } from './domain/EmailReleases.ts';
import { Users } from './domain/Users.ts';
import { addUserRoutes } from './http/routes.ts';
import { USER_SCHEMA, userMigrations } from './store/migrations.ts';

/** Wires the user service. */
export async function createUser(host: ServiceHost): Promise<void> {
  const { control, clock, random, logger, metrics, settings, stops } = host;
  const shards = await host.shards({ name: 'users', keyType: 'uuid' });
  const directory = new Directory({ control, kind: 'email', clock });
  // A shard that is away at the start is migrated before its first use: its users wait, the others do not.
  await Promise.all([directory.migrate(), shards.migrate(USER_SCHEMA, userMigrations, { unreachable: 'postpone' })]);
  host.addReadiness('shards', async () => {
    // One shard that is away fails its own users with 503; only without any is there nothing to serve.
    const health = await shards.checkHealth();
    if (!health.some((shard) => shard.isReachable)) throw new Error(`no shard answers: ${health.map((shard) => shard.id).join(', ')}`);
  });
  const { router } = shards;
  const releases = stops.use(new EmailReleases({ router, directory, clock, logger }));
  await releases.start();
  const users = new Users({ router, directory, releases, clock, random });
  const queue = await host.queue();
  for (const { database } of shards.shards) {
    const publish = (events: Parameters<typeof queue.publish>[0]): Promise<void> => queue.publish(events);
    await stops.use(new OutboxRelay({ database, schema: USER_SCHEMA, publish, clock, logger, metrics })).start();
  }
  const key = settings.encryptionKey === undefined ? random.bytes(32) : createHmac('sha256', settings.encryptionKey).update('user-cursors').digest();
  addUserRoutes(host.app, { users, callers: host.callers, cursor: new Cursor(key), publicURL: settings.publicURL });
}
