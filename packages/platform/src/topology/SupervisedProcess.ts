import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { fullJitterMs, NoaError, type Clock, type Environment, type Logger, type Random, type Timer } from '@noa/core';
import { processRecord, type ProcessRecord } from '../data/SystemState.ts';

export interface SupervisedProcessOptions {
  readonly name: string;
  readonly port: number;
  readonly mainPath: string;
  readonly env: Environment;
  readonly logPath: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly onChange: () => void;
}

/** First start: time until the program must say "ready". */
const READY_MS_MAX = 30_000;
/** Slightly longer than a service's own drain limit. */
const STOP_MS_MAX = 15_000;
const RESTART_BACKOFF = { baseMs: 200, capMs: 10_000 };
/** A process that lived this long was healthy: its next restart starts at the first pause again. */
const HEALTHY_AFTER_MS = 30_000;
const STDERR_LINES_KEPT = 20;
/** sysexits: a wrong configuration does not become right by itself. */
const EXIT_CONFIG = 78;
/** A service keeps little; small young spaces keep nine of them small too. */
const NODE_FLAGS = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=4'];

/**
 * One child process: spawned → ready → (ended unasked) waiting → spawned …; `stop` leads to stopped from each state.
 * A child knows by the IPC channel that its parent has gone, and drains by itself.
 */
export class SupervisedProcess {
  readonly #options: SupervisedProcessOptions;
  #child: ChildProcess | undefined;
  #record: ProcessRecord | undefined;
  #log: WriteStream | undefined;
  #timer: Timer | undefined;
  #failures = 0;
  #isStopping = false;

  constructor(options: SupervisedProcessOptions) {
    this.#options = options;
  }

  /** Undefined while it is down. */
  get record(): ProcessRecord | undefined {
    return this.#record;
  }

  /** @throws NoaError `PROGRAM_START_FAILED` with the program's own last words, or `CONFIG_INVALID`. */
  async start(): Promise<void> {
    this.#log = createWriteStream(this.#options.logPath, { flags: 'a', mode: 0o600 });
    await this.#spawn();
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#timer?.cancel();
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      const timer = this.#options.clock.schedule(STOP_MS_MAX, () => child.kill('SIGKILL'), { keepAlive: false });
      await ended;
      timer.cancel();
    }
    this.#log?.end();
  }

  #spawn(): Promise<void> {
    const { name, mainPath, env, clock, logger } = this.#options;
    const startedMs = clock.monotonicMs();
    const child = spawn(process.execPath, [...NODE_FLAGS, mainPath], { env: { ...env }, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    this.#child = child;
    const lastWords: string[] = [];
    child.stdout?.on('data', (chunk: Buffer) => this.#log?.write(chunk));
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#log?.write(chunk);
      lastWords.push(...chunk.toString().trimEnd().split('\n'));
      lastWords.splice(0, Math.max(lastWords.length - STDERR_LINES_KEPT, 0));
    });
    return new Promise((resolve, reject) => {
      let isReady = false;
      const late = clock.schedule(READY_MS_MAX, () => child.kill('SIGKILL'), { keepAlive: false });
      child.once('spawn', () => this.#setRecord(processRecord(name, child.pid ?? 0, this.#options.port)));
      child.on('message', (message: { type?: string }) => {
        if (message.type !== 'ready' || isReady) return;
        isReady = true;
        late.cancel();
        resolve();
      });
      child.once('error', (error) => reject(startFailure(name, [error.message], undefined)));
      // 'close' rather than 'exit': by then the last words have been read.
      child.once('close', (code, signal) => {
        late.cancel();
        this.#setRecord(undefined);
        if (this.#isStopping) return isReady ? undefined : reject(startFailure(name, ['stopped during start'], code));
        if (!isReady && this.#failures === 0) return reject(startFailure(name, lastWords, code));
        if (clock.monotonicMs() - startedMs > HEALTHY_AFTER_MS) this.#failures = 0;
        this.#failures += 1;
        logger.error({ program: name, code, signal, lastWords: lastWords.slice(-3) }, `${name} ended unasked; restarting it`);
        this.#restartLater();
        if (!isReady) reject(startFailure(name, lastWords, code));
      });
    });
  }

  #restartLater(): void {
    const { clock, random, logger, name } = this.#options;
    // The first restart comes at once; the pauses are for a program that keeps falling.
    const pauseMs = this.#failures <= 1 ? 0 : fullJitterMs(RESTART_BACKOFF, this.#failures, random);
    this.#timer = clock.schedule(pauseMs, () => {
      this.#spawn().then(
        () => logger.info({ program: name }, `${name} is serving again`),
        (error: unknown) => logger.error({ program: name, err: error }, `${name} did not start again`),
      );
    });
  }

  #setRecord(record: ProcessRecord | undefined): void {
    this.#record = record;
    this.#options.onChange();
  }
}

function startFailure(name: string, lastWords: readonly string[], code: number | null | undefined): NoaError {
  const words = lastWords.join('\n').trim();
  if (code === EXIT_CONFIG) return new NoaError('CONFIG_INVALID', { message: words.replace(new RegExp(`^${name}: `, 'm'), '') });
  return new NoaError('PROGRAM_START_FAILED', {
    message: `${name} did not start${words === '' ? '' : `: ${words}`}\nSee its log: ./noa logs ${name}`,
    details: { name, code },
  });
}
