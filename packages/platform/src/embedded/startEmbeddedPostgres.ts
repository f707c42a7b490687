import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isSQLState, NoaError, SQLState, systemRandom, type Clock, type Logger, type Stoppable } from '@noa/core';
import { initCluster } from './initCluster.ts';
import { findPostgresBinaries } from './postgresBinaries.ts';
import { PostgresCluster } from './PostgresCluster.ts';
import { folderError, postgresHomes, prepareBinaries, preparePostgresHome } from './prepareInstall.ts';
import { adminDatabase } from './probeServer.ts';
import { readOrCreateSecret } from './secretFile.ts';
import type { ClusterTuning } from './serverSettings.ts';
import { chooseAccount } from './unprivilegedUser.ts';

export interface EmbeddedOptions {
  /** Data folder of the system. */
  readonly dataPath: string;
  /** 1..100. */
  readonly clusters: number;
  /** Cluster i listens on `portFirst + i`. */
  readonly portFirst: number;
  readonly tuning?: ClusterTuning;
  /** Called when a server has ended unasked or runs again. */
  readonly onChange?: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
  /** After a cluster serves again as another process. */
  readonly onRestart?: () => void;
}

export interface EmbeddedPostgres extends Stoppable {
  readonly clusters: readonly PostgresCluster[];
  /** Creates the database unless it is there. @returns its URL. */
  ensureDatabase(clusterId: string, name: string): Promise<string>;
}

/** File of the clusters' password, under the data folder. */
const SECRET_FILE = 'secrets/postgres-password';

/**
 * Starts real PostgreSQL servers from the binaries that npm has installed; data, secret and ports stay the same from
 * start to start.
 * @throws NoaError of EMBEDDED_ERRORS.
 */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const { clock, logger } = options;
  const dataPath = resolve(options.dataPath);
  const binaries = findPostgresBinaries();
  const account = await chooseAccount(postgresHomes(dataPath).map((path) => join(path, 'pg0')));
  const home = await preparePostgresHome(dataPath, account, logger);
  const nativePath = await prepareBinaries(binaries, home, account);
  await mkdir(join(dataPath, 'secrets'), { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw folderError(dataPath, error);
  });
  const password = await readOrCreateSecret(join(dataPath, SECRET_FILE), systemRandom);
  const isDurable = options.tuning?.isDurable ?? true;
  const serverMajor = binaries.version.split('.')[0] ?? '';
  const clusters = Array.from({ length: options.clusters }, (_, index) => {
    const id = `pg${index}`;
    const clusterPath = join(home, id);
    const logPath = join(home, `${id}.log`);
    const optional = {
      ...(options.tuning === undefined ? {} : { tuning: options.tuning }),
      ...(options.onRestart === undefined ? {} : { onRestart: options.onRestart }),
    };
    return {
      init: () => initCluster({ nativePath, clusterPath, password, account, isDurable }, serverMajor),
      cluster: new PostgresCluster({
        id,
        nativePath,
        clusterPath,
        logPath,
        port: options.portFirst + index,
        password,
        account,
        clock,
        logger,
        ...optional,
      }),
    };
  });
  const stop = async (): Promise<void> => void (await Promise.all(clusters.map(({ cluster }) => cluster.stop())));
  const outcomes = await Promise.allSettled(
    clusters.map(async ({ init, cluster }) => {
      await init();
      await cluster.start();
    }),
  );
  const failure = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failure !== undefined) {
    await stop();
    throw failure.reason;
  }
  return { clusters: clusters.map(({ cluster }) => cluster), stop, ensureDatabase: (id, name) => ensureDatabase(clusters, id, name, clock) };
}

async function ensureDatabase(clusters: readonly { cluster: PostgresCluster }[], id: string, name: string, clock: Clock): Promise<string> {
  const cluster = clusters.find((candidate) => candidate.cluster.id === id)?.cluster;
  if (cluster === undefined) throw new NoaError('INTERNAL', { message: `There is no cluster ${id}` });
  const database = adminDatabase(cluster.url(), clock);
  try {
    const { rowCount } = await database.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
    if (rowCount === 0) {
      await database.script(`CREATE DATABASE "${name.replaceAll('"', '""')}"`).catch((error: unknown) => {
        if (!isSQLState(error, SQLState.DuplicateDatabase)) throw error;
      });
    }
  } finally {
    await database.stop();
  }
  return cluster.url(name);
}
