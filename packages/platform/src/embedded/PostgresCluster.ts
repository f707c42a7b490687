import { realpath } from 'node:fs/promises';
import { createServer } from 'node:net';
import { fullJitterMs, NoaError, systemRandom, type Clock, type Lifecycle, type Logger, type Timer } from '@noa/core';
import { isSameProcess } from '../data/processIdentity.ts';
import { CLUSTER_USER } from './initCluster.ts';
import { launchServer } from './launchServer.ts';
import { describePortHolder } from './portHolder.ts';
import { findLockOwner, removeStrangersLock } from './postmasterFile.ts';
import { servedDataPath, waitUntilAnswering } from './probeServer.ts';
import { stopServer, type ServerProcess } from './serverProcess.ts';
import type { ClusterTuning } from './serverSettings.ts';
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
  /** After it was restarted: `pid` is another one now. */
  readonly onRestart?: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called when the server has ended or runs again. */
  readonly onChange?: () => void;
}

const ORPHANS_MS_MAX = 10_000;
const ORPHANS_PAUSE_MS = 100;
const ADOPT_MS_MAX = 5_000;
/** How often a server that is not our child is looked at. */
const WATCH_MS = 500;
const RESTART_BACKOFF = { baseMs: 100, capMs: 10_000 };
/** A server that served this long is taken for sound: its end counts as a first failure, restarted without a pause. */
const SOUND_MS = 30_000;

/**
 * One PostgreSQL server.
 *
 *   stopped ──start──► starting ──answers──► running ──process ends──► waiting (backoff) ──► starting
 *                │                              ▲                          │
 *                └──────────── adopt ───────────┘                    stop from any state ──► stopped
 *
 * adopt: a server of this directory already runs, since its supervisor was killed. It is taken over, or stopped when it
 * does not answer to our secret or listens on another port. postmaster.pid with the process's working directory is
 * authoritative about who serves the directory; a connection is authoritative about readiness. The server outlives a
 * killed supervisor and keeps what it acknowledged; a killed server recovers from its log when it is started again.
 */
export class PostgresCluster implements Lifecycle {
  readonly #options: PostgresClusterOptions;
  #process: ServerProcess | undefined;
  #launching: Promise<void> | undefined;
  #timer: Timer | undefined;
  #failures = 0;
  #servingSinceMs = 0;
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

  /** 0 while it is down. Another one after a restart. */
  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** URL of a database of this cluster. */
  url(database = 'postgres'): string {
    return `postgres://${CLUSTER_USER}:${encodeURIComponent(this.#options.password)}@127.0.0.1:${this.#options.port}/${database}`;
  }

  /** @throws NoaError `EMBEDDED_PORT_TAKEN`, `EMBEDDED_START_FAILED`, `EMBEDDED_SECRET_REFUSED`, `DISK_FULL`, `DATA_UNWRITABLE`. */
  async start(): Promise<void> {
    if (await this.#adopt()) return;
    await this.#checkPort();
    await this.#launchAfterOrphans();
  }

  /** Backends of a killed server need a moment to notice and to let go of its shared memory. */
  async #launchAfterOrphans(): Promise<void> {
    const { clock } = this.#options;
    const untilMs = clock.monotonicMs() + ORPHANS_MS_MAX;
    for (;;) {
      try {
        return await this.#launch();
      } catch (error) {
        const isHeld = error instanceof Error && /pre-existing shared memory block/.test(error.message);
        if (!isHeld || this.#isStopping || clock.monotonicMs() > untilMs) throw error;
        await clock.sleep(ORPHANS_PAUSE_MS);
      }
    }
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#timer?.cancel();
    // A launch in progress sees the flag, ends its server itself and rejects.
    await this.#launching?.catch(() => undefined);
    if (this.#process !== undefined) await stopServer(this.#process, this.#options.clock);
    this.#process = undefined;
  }

  /** Takes over a server that a killed supervisor has left. */
  async #adopt(): Promise<boolean> {
    const { clusterPath, port, clock, logger, id } = this.#options;
    const owner = await findLockOwner(clusterPath);
    if (owner.kind !== 'server') return false;
    const found = { pid: owner.file.pid, startTicks: owner.startTicks };
    if (owner.file.port === port && (await this.#isOurs(found))) {
      logger.info({ cluster: id, serverPid: found.pid }, 'adopted the PostgreSQL that a killed supervisor had left running');
      this.#serving(found);
      this.#watch(found);
      return true;
    }
    logger.warn({ cluster: id, serverPid: found.pid }, 'stopping a leftover PostgreSQL that cannot be adopted');
    await stopServer(found, clock);
    return false;
  }

  async #isOurs(found: ServerProcess): Promise<boolean> {
    const { clusterPath, clock } = this.#options;
    const outcome = await waitUntilAnswering({ url: this.url(), clock, timeoutMs: ADOPT_MS_MAX, isOver: () => !isSameProcess(found) });
    const served = outcome === 'answering' ? await servedDataPath(this.url(), clock) : undefined;
    return served !== undefined && (await realpath(served)) === (await realpath(clusterPath));
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

  #launch(): Promise<void> {
    this.#launching = this.#launchOnce().finally(() => {
      this.#launching = undefined;
    });
    return this.#launching;
  }

  async #launchOnce(): Promise<void> {
    const { nativePath, clusterPath, logPath, port, account, tuning, clock, logger, id } = this.#options;
    if ((await findLockOwner(clusterPath)).kind === 'stranger') {
      logger.warn({ cluster: id }, 'removing a lock file that names a process which is not a PostgreSQL of this folder');
      await removeStrangersLock(clusterPath);
    }
    const isOver = (): boolean => this.#isStopping;
    const server = await launchServer({ nativePath, clusterPath, logPath, port, url: this.url(), account, tuning, clock, isOver });
    this.#serving(server);
    const onExit = (): void => this.#onEnd(server);
    if (server.child.exitCode !== null || server.child.signalCode !== null) onExit();
    else server.child.once('exit', onExit);
  }

  #serving(server: ServerProcess): void {
    this.#process = server;
    this.#servingSinceMs = this.#options.clock.monotonicMs();
  }

  /** An adopted server is nobody's child of ours: look whether it lives. */
  #watch(server: ServerProcess): void {
    const look = (): void => (isSameProcess(server) ? this.#watch(server) : this.#onEnd(server));
    this.#timer = this.#options.clock.schedule(WATCH_MS, look, { keepAlive: false });
  }

  #onEnd(server: ServerProcess): void {
    if (this.#isStopping || this.#process !== server) return;
    const { clock, logger, id } = this.#options;
    this.#process = undefined;
    if (clock.monotonicMs() - this.#servingSinceMs >= SOUND_MS) this.#failures = 0;
    logger.error({ cluster: id, serverPid: server.pid }, 'PostgreSQL ended unasked; restarting it');
    this.#restartLater();
  }

  #restartLater(): void {
    if (this.#isStopping) return;
    const { clock, logger, id } = this.#options;
    const pauseMs = this.#failures === 0 ? 0 : fullJitterMs(RESTART_BACKOFF, this.#failures, systemRandom);
    this.#failures += 1;
    this.#timer = clock.schedule(pauseMs, () => {
      this.#launch().then(
        () => {
          logger.info({ cluster: id, serverPid: this.pid }, 'PostgreSQL is serving again');
          this.#options.onRestart?.();
        },
        (error: unknown) => {
          if (!this.#isStopping) logger.error({ cluster: id, err: error }, 'PostgreSQL did not start again');
          this.#restartLater();
        },
      );
    });
  }
}
