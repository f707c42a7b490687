import type { Command } from 'commander';
import { systemClock } from '@noa/core';
import { DataFolder } from '../data/DataFolder.ts';
import { endProcess } from '../data/processIdentity.ts';
import { readState, removeState } from '../data/SystemState.ts';
import { stopLeftoverPostgres } from '../embedded/index.ts';
import type { Console } from '../output/Console.ts';
import { action, ExitCode, withCommonOptions, type CommonOptions } from './Command.ts';

/** Longer than the slowest part's own limit (a service drains for at most 15 s). */
const SUPERVISOR_STOP_MS = 40_000;

export function addDownCommand(program: Command): void {
  withCommonOptions(program.command('down'))
    .description('stop what runs on the data folder; the data stays')
    .addHelpText('after', '\nExit codes: 0 stopped or nothing ran, 1 failed.')
    .action(action<CommonOptions>(down));
}

async function down(console: Console, options: CommonOptions): Promise<number> {
  const folder = new DataFolder(options.data);
  const state = await readState(folder);
  const stopped: string[] = [];
  const clock = systemClock;
  if (state !== undefined && (await endProcess(state.supervisor, { clock, signal: 'SIGTERM', graceMs: SUPERVISOR_STOP_MS })))
    stopped.push('supervisor');
  // Left over when the supervisor had been killed before.
  for (const record of state?.processes ?? []) {
    if (await endProcess(record, { clock, signal: 'SIGTERM', graceMs: SUPERVISOR_STOP_MS })) stopped.push(record.name);
  }
  // Found by their own lock files: a supervisor may have been killed before it wrote any state.
  stopped.push(...(await stopLeftoverPostgres(folder.path, clock)));
  await removeState(folder);
  console.line(stopped.length === 0 ? 'nothing runs here' : `stopped ${stopped.join(', ')}`);
  console.json({ stopped });
  return ExitCode.Ok;
}
