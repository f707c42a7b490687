import { StopStack, systemClock, systemRandom } from '@noa/core';
import { Directory, ShardManager } from '@noa/database-sharding';
import { createTestDatabase, LogRecorder, SimulatedClock } from '@noa/testing';
import { EmailReleases } from '../domain/EmailReleases.ts';
import { Users } from '../domain/Users.ts';
import { USER_SCHEMA, userMigrations } from '../store/migrations.ts';

/** The domain on two shards and a control database, with a simulated clock for what is stored. */
export async function setupUsers(name: string) {
  const stops = new StopStack();
  const control = await createTestDatabase({ name: `${name}_control` });
  const databases = [await createTestDatabase({ name: `${name}_0` }), await createTestDatabase({ name: `${name}_1` })];
  const logger = new LogRecorder();
  const clock = new SimulatedClock();
  const shards = stops.use(
    new ShardManager({
      control: control.database,
      shards: databases.map(({ database }, index) => ({ id: `shard-${index}`, database })),
      keyspace: 'users',
      keyType: 'uuid',
      logger,
      clock: systemClock,
    }),
  );
  await shards.start();
  await shards.migrate(USER_SCHEMA, userMigrations);
  const { router } = shards;
  const directory = new Directory({ control: control.database, kind: 'email', clock });
  await directory.migrate();
  const releases = new EmailReleases({ router, directory, clock, logger });
  const users = new Users({ router, directory, releases, clock, random: systemRandom });
  return {
    stops,
    control,
    databases,
    router,
    directory,
    releases,
    users,
    clock,
    logger,
    stop: async () => {
      await stops.stop();
      for (const database of [control, ...databases]) await database.drop();
    },
  };
}
