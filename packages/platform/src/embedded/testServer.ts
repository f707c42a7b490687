import { chmod, lstat, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBelow, systemRandom, type Clock, type Logger, type Stoppable } from '@noa/core';
import { isSameProcess, startTicksOf } from '../data/processIdentity.ts';
import { removeEmbeddedPostgres } from './leftovers.ts';
import { startEmbeddedPostgres } from './startEmbeddedPostgres.ts';

export interface TestServer extends Stoppable {
  /** Superuser URL, for `NOA_TEST_DATABASE_URL`. */
  readonly url: string;
}

/** Test files run side by side and each opens pools of its own. */
const CONNECTIONS_MAX = 400;
const FOLDER_PREFIX = 'noa-test-server-';
/** In the folder: the process that runs the tests. */
const OWNER_FILE = 'owner.json';

/**
 * A throw-away server for a test run: on a free port, without fsync, removed at the end. Servers that killed test runs
 * have left are ended and removed first.
 * @param options.parentPath - where its folder is made; default the system's temporary folder.
 */
export async function startTestServer(options: { clock: Clock; logger: Logger; parentPath?: string }): Promise<TestServer> {
  const { clock, logger } = options;
  const parentPath = options.parentPath ?? tmpdir();
  await removeLeftovers(parentPath, clock);
  const dataPath = await mkdtemp(join(parentPath, FOLDER_PREFIX));
  const remove = async (): Promise<void> => {
    await removeEmbeddedPostgres(dataPath, clock);
    await rm(dataPath, { recursive: true, force: true });
  };
  try {
    await chmod(dataPath, 0o711);
    await writeFile(join(dataPath, OWNER_FILE), JSON.stringify({ pid: process.pid, startTicks: startTicksOf(process.pid) }));
    const tuning = { connectionsMax: CONNECTIONS_MAX, isDurable: false };
    const embedded = await startEmbeddedPostgres({ dataPath, clusters: 1, portFirst: await freePort(), tuning, clock, logger });
    return {
      url: embedded.clusters[0]!.url(),
      stop: async () => {
        await embedded.stop();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function removeLeftovers(parentPath: string, clock: Clock): Promise<void> {
  for (const name of await readdir(parentPath).catch(() => [])) {
    if (!name.startsWith(FOLDER_PREFIX)) continue;
    const path = join(parentPath, name);
    const folder = await lstat(path).catch(() => undefined);
    if (folder?.isDirectory() !== true || folder.uid !== process.getuid?.()) continue;
    // A folder without an owner is one that is just being made, or not ours to judge.
    const owner = await readFile(join(path, OWNER_FILE), 'utf8')
      .then(JSON.parse)
      .catch(() => undefined);
    if (typeof owner?.pid !== 'number' || isSameProcess(owner)) continue;
    await removeEmbeddedPostgres(path, clock);
    await rm(path, { recursive: true, force: true });
  }
}

/** Below the range that systems take local ports of outgoing connections from (32768 on Linux, 49152 elsewhere). */
const PORTS = { first: 20_000, count: 12_000 };

/** A port that was free a moment ago, and so were the `count - 1` after it. */
export async function freePort(count = 1): Promise<number> {
  for (;;) {
    const first = PORTS.first + randomBelow(systemRandom, PORTS.count);
    const isFree = await Promise.all(Array.from({ length: count }, (_, index) => canListen(first + index)));
    if (isFree.every(Boolean)) return first;
  }
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
