import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile, realpath } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fullJitterMs, NoaError, systemRandom, type Clock, type Lifecycle, type Logger, type Timer } from '@noa/core';
import { endProcess, isSameProcess, startTicksOf } from '../data/processIdentity.ts';
import { rotateLogFile } from '../supervisor/logFile.ts';
import { CLUSTER_USER, startFailure } from './initCluster.ts';
import { describePortHolder } from './portHolder.ts';
import { isPostmasterAlive, readPostmasterFile } from './postmasterFile.ts';
import { servedDataPath, waitUntilAnswering } from './probeServer.ts';
import { serverSettings, type ClusterTuning } from './serverSettings.ts';
import type { Account } from './unprivilegedUser.ts';

export interface PostgresClusterOptions {
  readonly id: string;
  readonly nativePath: string;
  /** Initialised data directory. */
  readonly clusterPath: string;
  readonly logPath: string;
  readonly port: number;
  readonly password: string;
  readonly account: Account | undefined;
  readonly tuning?: ClusterTuning;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Crash recovery of a big log can take a while. */
const START_MS_MAX = 120_000;
const ADOPT_MS_MAX = 5_000;
const STOP_MS_MAX = 20_000;
/** How often a server that is not our child is looked at. */
const WATCH_MS = 500;
const RESTART_BACKOFF = { baseMs: 100, capMs: 10_000 };

/**
 * One PostgreSQL server.
 *
 *   stopped ──start──► starting ──answers──► running ──process ends──► restarting ──► starting
 *                │                              ▲
 *                └─ a server of this directory already runs (its supervisor was killed): adopt it, or stop it when
 *                   it does not answer with our secret or listens on another port
 *
 * postmaster.pid is authoritative about who serves the directory; a connection is authoritative about readiness. The
 * server runs in a session of its own, so it outlives a killed supervisor and keeps what it acknowledged.
 */
export class PostgresCluster implements Lifecycle {
  readonly #options: PostgresClusterOptions;
  #process: { pid: number; startTicks: string } | undefined;
  #timer: Timer | undefined;
  #failures = 0;
  #isStopping = false;

  constructor(options: PostgresClusterOptions) {
    this.#options = options;
  }

  get id(): string {
    return this.#options.id;
  }

  get port(): number {
    return this.#options.port;
  }

  /** 0 while it is down. */
  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** URL of a database of this cluster. */
  url(database = 'postgres'): string {
    return `postgres://${CLUSTER_USER}:${encodeURIComponent(this.#options.password)}@127.0.0.1:${this.#options.port}/${database}`;
  }

  /** @throws NoaError `EMBEDDED_PORT_TAKEN`, `EMBEDDED_START_FAILED`, `DISK_FULL`. */
  async start(): Promise<void> {
    if (await this.#adopt()) return;
    await this.#checkPort();
    await this.#launch();
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#timer?.cancel();
    const running = this.#process;
    if (running === undefined || !isSameProcess(running)) return;
    // SIGINT: fast shutdown, with a checkpoint; a kill only after that has failed to end it.
    process.kill(running.pid, 'SIGINT');
    await this.#waitForEnd(running);
  }

  async #waitForEnd(running: { pid: number; startTicks: string }): Promise<void> {
    const { clock } = this.#options;
    const untilMs = clock.monotonicMs() + STOP_MS_MAX;
    while (isSameProcess(running) && clock.monotonicMs() < untilMs) await clock.sleep(10);
    await endProcess(running, { clock, signal: 'SIGKILL', graceMs: 0 });
  }

  /** Takes over a server that a killed supervisor has left. */
  async #adopt(): Promise<boolean> {
    const { clusterPath, port, clock, logger, id } = this.#options;
    const file = await readPostmasterFile(clusterPath);
    if (file === undefined || !(await isPostmasterAlive(file))) return false;
    const found = { pid: file.pid, startTicks: startTicksOf(file.pid) ?? '' };
    if (file.port === port) {
      const isAnswering = await waitUntilAnswering({ url: this.url(), clock, timeoutMs: ADOPT_MS_MAX, isOver: () => !isSameProcess(found) });
      const served = isAnswering ? await servedDataPath(this.url(), clock) : undefined;
      if (served !== undefined && (await realpath(served)) === (await realpath(clusterPath))) {
        logger.info({ cluster: id, pid: file.pid }, 'adopted the PostgreSQL that a killed supervisor had left running');
        this.#process = found;
        this.#watch(found);
        return true;
      }
    }
    logger.warn({ cluster: id, pid: file.pid }, 'stopping a leftover PostgreSQL that cannot be adopted');
    process.kill(found.pid, 'SIGINT');
    await this.#waitForEnd(found);
    return false;
  }

  async #checkPort(): Promise<void> {
    const { port, id } = this.#options;
    const isFree = await new Promise<boolean>((resolve) => {
      const server = createServer();
      server.once('error', () => resolve(false));
      server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
    });
    if (isFree) return;
    const holder = await describePortHolder(port);
    throw new NoaError('EMBEDDED_PORT_TAKEN', {
      message: `Port ${port} (PostgreSQL ${id}) is taken${holder === undefined ? '' : ` by ${holder}`}; stop that, or choose other ports with --port-base`,
      details: { port },
    });
  }

  async #launch(): Promise<void> {
    const { nativePath, clusterPath, logPath, port, account, tuning, clock } = this.#options;
    rotateLogFile(logPath);
    const log = openSync(logPath, 'a', 0o600);
    const child = spawn(join(nativePath, 'bin', 'postgres'), ['-D', clusterPath, ...serverSettings(port, tuning)], {
      detached: true,
      stdio: ['ignore', log, log],
      env: { LC_ALL: 'C', PATH: process.env['PATH'] ?? '' },
      cwd: '/',
      ...(account === undefined ? {} : { uid: account.uid, gid: account.gid }),
    });
    closeSync(log);
    let isOver = false;
    const failed = new Promise<never>((_, reject) => {
      child.once('error', reject);
    });
    failed.catch(() => undefined);
    child.once('exit', () => {
      isOver = true;
    });
    await Promise.race([failed, new Promise((resolve) => child.once('spawn', resolve))]);
    const running = { pid: child.pid ?? 0, startTicks: startTicksOf(child.pid ?? 0) ?? '' };
    this.#process = running;
    if (!(await waitUntilAnswering({ url: this.url(), clock, timeoutMs: START_MS_MAX, isOver: () => isOver || this.#isStopping }))) {
      await endProcess(running, { clock, signal: 'SIGKILL', graceMs: 0 });
      throw startFailure('PostgreSQL', (await readFile(logPath, 'utf8').catch(() => '')).slice(-4_000));
    }
    this.#onExit(child, running);
    child.unref();
  }

  #onExit(child: ChildProcess, running: { pid: number; startTicks: string }): void {
    if (child.exitCode !== null || child.signalCode !== null) return this.#restartLater();
    child.once('exit', () => {
      if (this.#process === running) this.#restartLater();
    });
  }

  /** An adopted server is nobody's child of ours: look whether it lives. */
  #watch(running: { pid: number; startTicks: string }): void {
    this.#timer = this.#options.clock.schedule(
      WATCH_MS,
      () => {
        if (this.#isStopping) return;
        if (isSameProcess(running)) this.#watch(running);
        else this.#restartLater();
      },
      { keepAlive: false },
    );
  }

  #restartLater(): void {
    if (this.#isStopping) return;
    const { clock, logger, id } = this.#options;
    this.#process = undefined;
    const pauseMs = this.#failures === 0 ? 0 : fullJitterMs(RESTART_BACKOFF, this.#failures, systemRandom);
    this.#failures += 1;
    logger.error({ cluster: id }, 'PostgreSQL ended unasked; restarting it');
    this.#timer = clock.schedule(pauseMs, () => {
      this.#launch().then(
        () => {
          this.#failures = 0;
          logger.info({ cluster: id, pid: this.pid }, 'PostgreSQL is serving again');
        },
        (error: unknown) => {
          logger.error({ cluster: id, err: error }, 'PostgreSQL did not start again');
          this.#restartLater();
        },
      );
    });
  }
}
