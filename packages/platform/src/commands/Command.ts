import type { Command as Program } from 'commander';
import { describeError, isNoaError } from '@noa/core';
import { resolve } from 'node:path';
import { Console } from '../output/Console.ts';

/** Exit codes of the command line. */
export const ExitCode = {
  Ok: 0,
  /** The command ran and what it looked at is not as it should be, or it failed. */
  Failed: 1,
  /** Wrong use: an option or argument that does not exist or does not parse. */
  Usage: 2,
  /** Nothing runs that the command could talk to. */
  NotRunning: 3,
  /** The configuration was refused (sysexits.h EX_CONFIG). */
  Config: 78,
} as const;

/** Options that every command takes. */
export interface CommonOptions {
  readonly json?: boolean;
  readonly data: string;
}

/** Adds `--data` and `--json` to a command. */
export function withCommonOptions(program: Program): Program {
  return program
    .option('--data <folder>', 'folder of the clusters, secrets, logs and state', defaultDataPath())
    .option('--json', 'print one JSON object instead of text');
}

function defaultDataPath(): string {
  return resolve(process.env['NOA_HOME'] ?? '.noa', 'data');
}

/** Runs a command's body; anything thrown becomes a clear line and an exit code. */
export function action<Options extends CommonOptions>(body: (console: Console, options: Options, args: string[]) => Promise<number>) {
  return async (...received: unknown[]): Promise<void> => {
    // commander passes the arguments, then the options, then the command.
    const options = received.at(-2) as Options;
    const args = received
      .slice(0, -2)
      .flat()
      .filter((item): item is string => typeof item === 'string');
    const console = new Console({ isJSON: options.json === true });
    try {
      process.exitCode = await body(console, { ...options, data: resolve(options.data) }, args);
    } catch (error) {
      process.exitCode = exitCodeOf(error);
      if (console.isJSON) console.json({ error: isNoaError(error) ? error.code : 'INTERNAL', message: describeError(error) });
      else console.complain(isNoaError(error) ? error.message : describeError(error));
      if (process.env['NOA_DEBUG'] !== undefined) process.stderr.write(`${(error as Error).stack}\n`);
    }
  };
}

function exitCodeOf(error: unknown): number {
  if (isNoaError(error, 'CONFIG_INVALID')) return ExitCode.Config;
  if (isNoaError(error, 'NOT_RUNNING')) return ExitCode.NotRunning;
  return ExitCode.Failed;
}
