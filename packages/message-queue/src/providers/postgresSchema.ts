import { describeError, type Logger, type Migration, type StopStack } from '@noa/core';
import type { PgBoss } from 'pg-boss';
import { QUEUE_SCHEMA } from './PostgresJobs.ts';

/** Our tables beside pg-boss's. */
export const QUEUE_MIGRATIONS: readonly Migration[] = [
  { version: 1, name: 'binding', sql: 'CREATE TABLE noa_binding (queue text NOT NULL, pattern text NOT NULL, PRIMARY KEY (queue, pattern))' },
];

/** Connections for pg-boss's upkeep; opened for a moment each minute. */
const UPKEEP_CONNECTIONS_MAX = 2;
/** We make no flows, so their resolver may sleep. */
const FLOW_INTERVAL_SECONDS = 3_600;

/** Loads, installs or upgrades, and starts pg-boss; `stops` ends it. */
export async function openBoss(options: { url: string; logger: Logger; stops: StopStack }): Promise<PgBoss> {
  const { url, logger, stops } = options;
  const { PgBoss: Boss } = await import('pg-boss');
  const boss = new Boss({
    connectionString: url,
    schema: QUEUE_SCHEMA,
    max: UPKEEP_CONNECTIONS_MAX,
    application_name: 'noa-queue-upkeep',
    connectionTimeoutMillis: 5_000,
    schedule: false,
    registerInstance: false,
    flowIntervalSeconds: FLOW_INTERVAL_SECONDS,
    openTelemetry: { enabled: false },
  });
  boss.on('error', (error) => logger.warn({ reason: describeError(error) }, 'the upkeep of the queue failed; it is repeated'));
  boss.on('warning', ({ message, data }) => logger.warn({ data }, message));
  stops.defer(() => boss.stop({ graceful: false, close: true }));
  await boss.start();
  return boss;
}
