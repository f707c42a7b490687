import { NoaError, type Clock, type Environment, type Logger, type Stoppable } from '@noa/core';
import type { DataFolder } from '../data/DataFolder.ts';
import { processRecord, type ProcessRecord } from '../data/SystemState.ts';
import { startEmbeddedPostgres } from '../embedded/index.ts';
import { PortOffset } from '../services.ts';
import type { DatabaseURLs } from './buildEnvironment.ts';
import type { UpOptions } from './UpOptions.ts';

/** The databases of a running system. */
export interface OpenDatabases extends Stoppable {
  readonly urls: DatabaseURLs;
  /** As they run now: a restarted server is another process. Empty when the servers are somebody else's. */
  engines(): readonly ProcessRecord[];
}

const SHARDS_DEFAULT = 2;
const LAYOUT_FILE = 'layout.json';
const CONTROL_DATABASE = 'noa_control';

/** Outside servers when `NOA_DATABASE_URL` is set (it always wins), else embedded clusters, one a shard. */
export async function openDatabases(options: {
  up: UpOptions;
  folder: DataFolder;
  env: Environment;
  clock: Clock;
  logger: Logger;
  /** After an engine was restarted. */
  onChange: () => void;
}): Promise<OpenDatabases> {
  const { up, env } = options;
  const control = env['NOA_DATABASE_URL'];
  if (control !== undefined && control !== '') {
    if (up.shards !== undefined) {
      throw new NoaError('CONFIG_INVALID', { message: `--shards: is for the embedded engine; name outside shards in NOA_SHARDS, got ${up.shards}` });
    }
    // One database can be both: the smallest outside setting is one URL.
    return { urls: { control, shards: env['NOA_SHARDS'] ?? control }, engines: () => [], stop: async () => undefined };
  }
  return openEmbedded(options);
}

async function openEmbedded(options: {
  up: UpOptions;
  folder: DataFolder;
  clock: Clock;
  logger: Logger;
  onChange: () => void;
}): Promise<OpenDatabases> {
  const { up, folder, clock, logger, onChange } = options;
  const shards = await settleLayout(folder, up.shards);
  const embedded = await startEmbeddedPostgres({
    dataPath: up.dataPath,
    clusters: shards,
    portFirst: up.portBase + PortOffset.PostgreSQL,
    clock,
    logger,
    onRestart: onChange,
  });
  try {
    const names = embedded.clusters.map((_, index) => `noa_shard_${index}`);
    const [control, ...urls] = await Promise.all([
      embedded.ensureDatabase(embedded.clusters[0]!.id, CONTROL_DATABASE),
      ...embedded.clusters.map((cluster, index) => embedded.ensureDatabase(cluster.id, names[index]!)),
    ]);
    return {
      urls: { control: control!, shards: urls.join(',') },
      engines: () => embedded.clusters.map((cluster) => processRecord(cluster.id, cluster.pid, cluster.port)),
      stop: () => embedded.stop(),
    };
  } catch (error) {
    await embedded.stop();
    throw error;
  }
}

/** The number of shards is fixed at the first start: moving buckets to a new shard is not part of `up`. */
async function settleLayout(folder: DataFolder, asked: number | undefined): Promise<number> {
  const kept = (await folder.readJSON<{ shards: number }>(LAYOUT_FILE))?.shards;
  if (kept !== undefined && asked !== undefined && asked !== kept) {
    throw new NoaError('SHARDS_FIXED', {
      message: `The data folder ${folder.path} has ${kept} shards and --shards asks for ${asked}; use another folder with --data, or remove this one with ./noa reset`,
    });
  }
  const shards = kept ?? asked ?? SHARDS_DEFAULT;
  if (kept === undefined) await folder.writeJSON(LAYOUT_FILE, { shards });
  return shards;
}
