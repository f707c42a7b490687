import { NoaError, StopStack, type Clock, type Environment, type Lifecycle, type Logger, type Random } from '@noa/core';
import { DataFolder } from '../data/DataFolder.ts';
import { endProcess } from '../data/processIdentity.ts';
import { DATABASES_FILE, ensureSecrets, type Secrets } from '../data/Secrets.ts';
import { processRecord, readRunningState, readState, removeState, writeState, type SystemState } from '../data/SystemState.ts';
import { PortOffset } from '../services.ts';
import { InlineTopology } from '../topology/InlineTopology.ts';
import { ProcessesTopology } from '../topology/ProcessesTopology.ts';
import type { Topology } from '../topology/Topology.ts';
import { buildEnvironment } from './buildEnvironment.ts';
import { buildPrograms } from './buildPrograms.ts';
import { openDatabases, type OpenDatabases } from './openDatabases.ts';
import { checkPorts } from './ports.ts';
import { SharedEngines } from './SharedEngines.ts';
import type { Progress, UpOptions } from './UpOptions.ts';
import { waitUntilHealthy } from './waitUntilHealthy.ts';

export interface SupervisorOptions {
  readonly up: UpOptions;
  readonly env: Environment;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly onProgress: (progress: Progress) => void;
}

/**
 * Brings the system up on one machine and keeps it up.
 *
 * Start: data folder → leftovers of a killed predecessor → ports → secrets → databases → programs → healthy. Stop is
 * the reverse. Crash-only: everything that must survive is in PostgreSQL; after kill -9 of the supervisor the services
 * drain by themselves, the clusters stay and the next start adopts them.
 */
export class Supervisor implements Lifecycle {
  readonly #options: SupervisorOptions;
  readonly #folder: DataFolder;
  readonly #stops = new StopStack();
  #topology: Topology | undefined;
  #databases: OpenDatabases | undefined;
  #phase: SystemState['phase'] = 'starting';
  #startedAt = '';
  #publicURL = '';
  #writing: Promise<void> = Promise.resolve();
  #stopping: Promise<void> | undefined;
  secrets: Secrets | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#folder = new DataFolder(options.up.dataPath);
  }

  get gatewayURL(): string {
    return `http://127.0.0.1:${this.#options.up.portBase + PortOffset.Gateway}`;
  }

  get adminURL(): string {
    return `http://127.0.0.1:${this.#options.up.portBase + PortOffset.Admin}`;
  }

  /** @throws NoaError `ALREADY_RUNNING`, `PORT_TAKEN`, `DATA_UNWRITABLE`, `CONFIG_INVALID` … ; whatever had started is stopped again. */
  async start(): Promise<void> {
    try {
      await this.#start();
    } catch (error) {
      await this.stop().catch((stopError: unknown) => this.#options.logger.warn({ err: stopError }, 'a part failed to stop after a failed start'));
      throw error;
    }
  }

  async #start(): Promise<void> {
    const { up, env, clock, random, logger } = this.#options;
    this.#startedAt = new Date(clock.now()).toISOString();
    await this.#step('data folder', async () => {
      await this.#folder.open();
      await this.#takeOver();
      this.secrets = await ensureSecrets(this.#folder, random);
    });
    await this.#step('ports', () => checkPorts(up.portBase, env['NOA_HOST'] ?? '127.0.0.1'));
    const databases = await this.#step('databases', () =>
      openDatabases({ up, folder: this.#folder, env, clock, logger, onChange: () => void this.#writeState() }),
    );
    this.#stops.use(databases);
    this.#databases = databases;
    const secrets = this.secrets!;
    await this.#folder.writeJSON(DATABASES_FILE, databases.urls);
    const programEnv = buildEnvironment({ up, secrets, urls: databases.urls, env });
    this.#publicURL = programEnv['NOA_PUBLIC_URL'] ?? this.gatewayURL;
    await this.#step('programs', () => this.#startPrograms(programEnv));
    await this.#step('healthy', () =>
      waitUntilHealthy({ gateway: this.gatewayURL, admin: this.adminURL, adminToken: programEnv['NOA_ADMIN_TOKEN'] ?? '', clock }),
    );
    this.#phase = 'running';
    await this.#writeState();
  }

  stop(): Promise<void> {
    this.#stopping ??= (async () => {
      const wasOurs = this.#phase !== 'starting' || this.#topology !== undefined || this.#databases !== undefined;
      this.#phase = 'stopping';
      if (wasOurs) await this.#writeState();
      await this.#stops.stop();
      await this.#writing;
      if (wasOurs) await removeState(this.#folder);
    })();
    return this.#stopping;
  }

  /** Refuses a second supervisor on one folder, and ends what a killed one has left behind. */
  async #takeOver(): Promise<void> {
    const running = await readRunningState(this.#folder);
    if (running !== undefined && running.supervisor.pid !== process.pid) {
      throw new NoaError('ALREADY_RUNNING', {
        message: `A system is already running on ${this.#folder.path} (process ${running.supervisor.pid}, ${running.gateway}); stop it with ./noa down, or choose another folder with --data`,
      });
    }
    const left = await readState(this.#folder);
    if (left === undefined) return;
    const { clock, logger } = this.#options;
    const ended = await Promise.all(left.processes.map((record) => endProcess(record, { clock, signal: 'SIGKILL', graceMs: 2_000 })));
    const count = ended.filter(Boolean).length;
    if (count > 0) logger.warn({ count }, 'ended processes that a killed supervisor had left behind');
  }

  async #startPrograms(env: Environment): Promise<void> {
    const { up, clock, random, logger } = this.#options;
    const shared = this.#stops.use(new SharedEngines(logger));
    const topology =
      up.topology === 'inline'
        ? new InlineTopology()
        : new ProcessesTopology({ clock, random, logger, logPath: (name) => this.#folder.logPath(name), onChange: () => void this.#writeState() });
    this.#topology = this.#stops.use(topology);
    await this.#writeState();
    const outcomes = await Promise.allSettled(buildPrograms(env, up.portBase, shared, logger).map((program) => topology.start(program)));
    const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
    if (failures.length > 0) throw failures[0];
  }

  async #step<T>(step: string, run: () => Promise<T>): Promise<T> {
    const { clock, onProgress } = this.#options;
    const startedMs = clock.monotonicMs();
    onProgress({ step, status: 'begun' });
    const result = await run();
    onProgress({ step, status: 'done', durationMs: Math.round(clock.monotonicMs() - startedMs) });
    return result;
  }

  /** What runs, for the other commands; writes follow each other so that the newest wins. */
  #writeState(): Promise<void> {
    const { up, logger } = this.#options;
    const state: SystemState = {
      supervisor: processRecord('supervisor', process.pid),
      phase: this.#phase,
      topology: up.topology,
      portBase: up.portBase,
      gateway: this.gatewayURL,
      admin: this.adminURL,
      publicURL: this.#publicURL,
      processes: this.#topology?.processes ?? [],
      engines: this.#databases?.engines() ?? [],
      startedAt: this.#startedAt,
    };
    this.#writing = this.#writing.then(() =>
      writeState(this.#folder, state).catch((error: unknown) => logger.warn({ err: error }, 'the state file could not be written')),
    );
    return this.#writing;
  }
}
