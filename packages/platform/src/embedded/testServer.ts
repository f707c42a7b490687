import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock, Logger, Stoppable } from '@noa/core';
import { startEmbeddedPostgres } from './startEmbeddedPostgres.ts';

export interface TestServer extends Stoppable {
  /** Superuser URL, for `NOA_TEST_DATABASE_URL`. */
  readonly url: string;
}

/** Test files run side by side and each opens pools of its own. */
const CONNECTIONS_MAX = 400;

/** A throw-away server for a test run: on a free port, without fsync, removed at the end. */
export async function startTestServer(options: { clock: Clock; logger: Logger }): Promise<TestServer> {
  const dataPath = await mkdtemp(join(tmpdir(), 'noa-test-'));
  const portFirst = await freePort();
  const tuning = { connectionsMax: CONNECTIONS_MAX, isDurable: false };
  const embedded = await startEmbeddedPostgres({ dataPath, clusters: 1, portFirst, tuning, ...options });
  return {
    url: embedded.clusters[0]!.url(),
    stop: async () => {
      await embedded.stop();
      await rm(dataPath, { recursive: true, force: true });
    },
  };
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
