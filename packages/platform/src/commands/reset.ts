import { readdir, rm } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { NoaError, systemClock } from '@noa/core';
import { DataFolder } from '../data/DataFolder.ts';
import { readRunningState } from '../data/SystemState.ts';
import { removeEmbeddedPostgres } from '../embedded/index.ts';
import type { Console } from '../output/Console.ts';
import { action, ExitCode, withCommonOptions, type CommonOptions } from './Command.ts';

interface ResetOptions extends CommonOptions {
  readonly yes?: boolean;
}

/** Only what `up` makes is removed: a mistyped --data must not cost somebody's files. */
const OURS = ['logs', 'secrets', 'postgres', 'layout.json', 'state.json'];

export function addResetCommand(program: Command): void {
  withCommonOptions(program.command('reset'))
    .description('delete all data of a stopped system')
    .option('-y, --yes', 'do not ask')
    .action(action<ResetOptions>(reset));
}

async function reset(console: Console, options: ResetOptions): Promise<number> {
  const folder = new DataFolder(options.data);
  const running = await readRunningState(folder);
  if (running !== undefined) {
    throw new NoaError('ALREADY_RUNNING', { message: `The system runs (process ${running.supervisor.pid}); stop it first: ./noa down` });
  }
  if (!options.yes && !(await confirm(`Delete all data in ${folder.path}?`))) {
    console.line('nothing deleted');
    console.json({ deleted: false });
    return ExitCode.Failed;
  }
  // First: a server that outlived its supervisor must not go on in deleted folders.
  await removeEmbeddedPostgres(folder.path, systemClock);
  const present = await readdir(folder.path).catch(() => []);
  const targets = present.filter((name) => OURS.includes(name) || /^registry-.*\.json$/.test(name));
  for (const name of targets) await rm(`${folder.path}/${name}`, { recursive: true, force: true });
  console.line(`deleted ${targets.length === 0 ? 'nothing' : targets.join(', ')} in ${folder.path}`);
  console.json({ deleted: true, path: folder.path, targets });
  return ExitCode.Ok;
}

async function confirm(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`${question} [y/N] `);
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}
