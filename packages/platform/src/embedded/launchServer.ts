import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { NoaError, type Clock } from '@noa/core';
import { startTicksOf } from '../data/processIdentity.ts';
import { rotateLogFile } from '../supervisor/logFile.ts';
import { startFailure } from './initCluster.ts';
import { waitUntilAnswering } from './probeServer.ts';
import { stopServer, type ServerProcess } from './serverProcess.ts';
import { serverSettings, type ClusterTuning } from './serverSettings.ts';
import type { Account } from './unprivilegedUser.ts';

export interface LaunchOptions {
  readonly nativePath: string;
  /** Initialised data directory. */
  readonly clusterPath: string;
  readonly logPath: string;
  readonly port: number;
  /** Of the database `postgres`, for the probe. */
  readonly url: string;
  readonly account: Account | undefined;
  readonly tuning: ClusterTuning | undefined;
  readonly clock: Clock;
  /** Gives up when it becomes true. */
  readonly isOver: () => boolean;
}

export interface LaunchedServer extends ServerProcess {
  readonly child: ChildProcess;
}

/** Crash recovery of a big log can take a while. */
const START_MS_MAX = 120_000;
/** End of the log that is looked at for the reason of a failure. */
const LOG_TAIL_BYTES = 4_000;

/**
 * Starts a server in a session of its own, so that neither Ctrl-C nor the end of our process ends it, and waits until
 * it answers. When this fails, nothing is left running.
 * @throws NoaError `EMBEDDED_START_FAILED`, `EMBEDDED_SECRET_REFUSED`, `EMBEDDED_PORT_TAKEN`, `DISK_FULL`, `DATA_UNWRITABLE`.
 */
export async function launchServer(options: LaunchOptions): Promise<LaunchedServer> {
  const { clusterPath, logPath, url, clock } = options;
  rotateLogFile(logPath);
  const log = openSync(logPath, 'a+', 0o600);
  try {
    const logStart = fstatSync(log).size;
    const child = await spawnServer(options, log);
    let hasEnded = child.exitCode !== null || child.signalCode !== null;
    child.once('exit', () => {
      hasEnded = true;
    });
    const pid = child.pid ?? 0;
    const server = { pid, startTicks: startTicksOf(pid) ?? '', child };
    const outcome = await waitUntilAnswering({ url, clock, timeoutMs: START_MS_MAX, isOver: () => hasEnded || options.isOver() });
    child.unref();
    if (outcome === 'answering') return server;
    await stopServer(server, clock);
    if (outcome === 'silent') throw startFailure('PostgreSQL', readTail(log, logStart));
    throw new NoaError('EMBEDDED_SECRET_REFUSED', {
      message: `The PostgreSQL of ${clusterPath} does not accept the password of the data folder; put back its file secrets/postgres-password, or delete the data with ./noa reset`,
    });
  } finally {
    closeSync(log);
  }
}

function spawnServer(options: LaunchOptions, log: number): Promise<ChildProcess> {
  const { nativePath, clusterPath, port, account, tuning } = options;
  const program = join(nativePath, 'bin', 'postgres');
  const child = spawn(program, ['-D', clusterPath, ...serverSettings(port, tuning)], {
    detached: true,
    stdio: ['ignore', log, log],
    env: { LC_ALL: 'C', PATH: process.env['PATH'] ?? '' },
    cwd: '/',
    ...(account === undefined ? {} : { uid: account.uid, gid: account.gid }),
  });
  return new Promise((resolve, reject) => {
    child.once('spawn', () => resolve(child));
    child.once('error', (error) => {
      reject(new NoaError('EMBEDDED_START_FAILED', { message: `${program} cannot be run: ${error.message}`, cause: error }));
    });
  });
}

/** What was written to the log since `start`, at most its last 4,000 bytes: older words belong to older failures. */
function readTail(log: number, start: number): string {
  const size = fstatSync(log).size;
  const from = Math.max(start, size - LOG_TAIL_BYTES);
  const buffer = Buffer.alloc(Math.max(size - from, 0));
  return buffer.subarray(0, readSync(log, buffer, 0, buffer.length, from)).toString('utf8');
}
