import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { InvalidArgumentError, Option, type Command } from 'commander';
import pc from 'picocolors';
import { createLogger, NoaError, systemClock, systemRandom } from '@noa/core';
import { DataFolder } from '../data/DataFolder.ts';
import { SECRETS_FILE, type Secrets } from '../data/Secrets.ts';
import { readRunningState, TOPOLOGIES, type SystemState, type TopologyName } from '../data/SystemState.ts';
import { formatDuration, type Console } from '../output/Console.ts';
import { PORT_BASE_DEFAULT } from '../services.ts';
import { Supervisor } from '../supervisor/Supervisor.ts';
import type { Progress, UpOptions } from '../supervisor/UpOptions.ts';
import { openLogFile } from '../supervisor/logFile.ts';
import { action, ExitCode, withCommonOptions, type CommonOptions } from './Command.ts';

interface UpCommandOptions extends CommonOptions {
  readonly topology: TopologyName;
  readonly portBase: number;
  readonly shards?: number;
  readonly detach?: boolean;
}

/** What a detached supervisor tells the command that started it. */
export type SupervisorMessage =
  | { readonly type: 'progress'; readonly progress: Progress }
  | { readonly type: 'running' }
  | { readonly type: 'failed'; readonly code: string; readonly message: string };

export function addUpCommand(program: Command): void {
  const integer = (min: number, max: number) => (text: string) => {
    if (!/^\d+$/.test(text) || Number(text) < min || Number(text) > max) throw new InvalidArgumentError(`expected an integer ${min}..${max}`);
    return Number(text);
  };
  withCommonOptions(program.command('up'))
    .description('start everything on this machine and keep it running')
    .addOption(new Option('--topology <name>', 'one process per service, or everything in one').choices(TOPOLOGIES).default('processes'))
    .option('--port-base <port>', "the gateway's port; the others follow at fixed distances", integer(1, 65_000), PORT_BASE_DEFAULT)
    .option('--shards <count>', 'shards of the embedded PostgreSQL, fixed at the first start (default 2)', integer(1, 100))
    .option('-d, --detach', 'return when everything is healthy, and leave it running')
    .addHelpText('after', '\nOutside engines: set NOA_DATABASE_URL and NOA_SHARDS. Exit codes: 0 ok, 1 failed, 78 configuration refused.')
    .action(action<UpCommandOptions>(up));
}

async function up(console: Console, options: UpCommandOptions): Promise<number> {
  const startedMs = systemClock.monotonicMs();
  const upOptions: UpOptions = {
    dataPath: options.data,
    topology: options.topology,
    portBase: options.portBase,
    ...(options.shards === undefined ? {} : { shards: options.shards }),
  };
  const folder = new DataFolder(options.data);
  await folder.open();
  const onProgress = (progress: Progress): void => {
    if (progress.status === 'done')
      console.line(`  ${pc.green('✓')} ${progress.step.padEnd(12)} ${pc.dim(formatDuration(progress.durationMs ?? 0))}`);
  };
  console.line(`noa up  ${pc.dim(`${options.topology}, data in ${options.data}`)}`);
  if (options.detach) {
    await startDetached(upOptions, folder, onProgress);
    await report(console, folder, systemClock.monotonicMs() - startedMs);
    return ExitCode.Ok;
  }
  const logger = createLogger({ name: 'supervisor', level: 'info', destination: openLogFile(folder.logPath('supervisor')) });
  const supervisor = new Supervisor({ up: upOptions, env: process.env, clock: systemClock, random: systemRandom, logger, onProgress });
  const asked = untilAskedToStop();
  const outcome = await Promise.race([supervisor.start().then(() => 'running' as const), asked]);
  if (outcome === 'running') {
    await report(console, folder, systemClock.monotonicMs() - startedMs);
    console.line(pc.dim('Ctrl-C stops everything. Logs: ./noa logs -f'));
    await asked;
  }
  console.line('stopping …');
  await supervisor.stop();
  return ExitCode.Ok;
}

function untilAskedToStop(): Promise<'asked'> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve('asked'));
  });
}

/** Starts the supervisor in a session of its own and waits for its word. */
function startDetached(up: UpOptions, folder: DataFolder, onProgress: (progress: Progress) => void): Promise<void> {
  const mainPath = fileURLToPath(new URL('../supervisor/main.ts', import.meta.url));
  const errors = openSync(folder.logPath('supervisor'), 'a', 0o600);
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', mainPath, JSON.stringify(up)], {
    detached: true,
    stdio: ['ignore', errors, errors, 'ipc'],
  });
  return new Promise((resolve, reject) => {
    child.on('message', (message: SupervisorMessage) => {
      if (message.type === 'progress') return onProgress(message.progress);
      child.disconnect();
      child.unref();
      if (message.type === 'running') resolve();
      else reject(new NoaError(message.code, { message: message.message }));
    });
    child.once('exit', (code, signal) => {
      reject(new NoaError('PROGRAM_START_FAILED', { message: `The supervisor ended with ${signal ?? code}; see ./noa logs supervisor` }));
    });
  });
}

async function report(console: Console, folder: DataFolder, durationMs: number): Promise<void> {
  const state = (await readRunningState(folder)) as SystemState;
  const secrets = (await folder.readJSON<Secrets>(SECRETS_FILE)) as Secrets;
  const { gateway, admin, topology, processes, engines, supervisor } = state;
  console.json({
    gateway,
    admin,
    adminToken: secrets.adminToken,
    adminEmail: secrets.adminEmail,
    adminPassword: secrets.adminPassword,
    dataPath: folder.path,
    topology,
    supervisor,
    processes,
    engines,
    durationMs: Math.round(durationMs),
  });
  console.line();
  console.line(`${pc.bold('healthy')} after ${formatDuration(durationMs)}`);
  console.line(`  gateway   ${pc.cyan(gateway)}`);
  console.line(`  admin     ${admin}  ${pc.dim('(loopback; bearer token)')}`);
  console.line(`  secrets   ${folder.path}/${SECRETS_FILE}`);
  console.line(`  next      ./noa demo · ./noa status · ./noa logs -f · ./noa down`);
}
