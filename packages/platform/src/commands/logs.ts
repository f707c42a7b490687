import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import pc from 'picocolors';
import { NoaError, systemClock } from '@noa/core';
import { DataFolder } from '../data/DataFolder.ts';
import type { Console } from '../output/Console.ts';
import { action, ExitCode, withCommonOptions, type CommonOptions } from './Command.ts';

interface LogsOptions extends CommonOptions {
  readonly follow?: boolean;
  readonly lines: string;
}

/** Pause between two looks at a followed file. */
const FOLLOW_MS = 200;
/** Only the tail of a file is read: no log is too long to look at. */
const TAIL_BYTES_MAX = 4 * 1_048_576;

export function addLogsCommand(program: Command): void {
  withCommonOptions(program.command('logs').argument('[service]', 'gateway, supervisor or the name of a service; all when absent'))
    .description('print the logs; --json prints them as they were written')
    .option('-f, --follow', 'go on printing what is written')
    .option('-n, --lines <count>', 'lines from the end of each log', '50')
    .action(action<LogsOptions>(logs));
}

async function logs(console: Console, options: LogsOptions, args: string[]): Promise<number> {
  const folder = new DataFolder(options.data);
  const names = await logNames(folder);
  const wanted = args[0] === undefined ? names : names.filter((name) => name === args[0]);
  if (wanted.length === 0) {
    const known = names.length === 0 ? 'there are none yet; start with ./noa up' : `there are: ${names.join(', ')}`;
    throw new NoaError('NOT_FOUND', { message: `No log of ${args[0] ?? 'any service'} in ${folder.logsPath}; ${known}` });
  }
  const print = (name: string, line: string): void => {
    process.stdout.write(`${console.isJSON ? line : render(name, line)}\n`);
  };
  const offsets = new Map<string, number>();
  const tails = await Promise.all(wanted.map(async (name) => ({ name, lines: await tail(folder.logPath(name), Number(options.lines), offsets) })));
  const merged = tails.flatMap(({ name, lines }) => lines.map((line) => ({ name, line, time: timeOf(line) })));
  if (wanted.length > 1) merged.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
  for (const { name, line } of merged) print(name, line);
  while (options.follow) {
    await systemClock.sleep(FOLLOW_MS);
    for (const name of wanted) for (const line of await readFrom(folder.logPath(name), offsets)) print(name, line);
  }
  return ExitCode.Ok;
}

async function logNames(folder: DataFolder): Promise<string[]> {
  const files = await readdir(folder.logsPath).catch(() => []);
  return files.filter((file) => file.endsWith('.log')).map((file) => file.slice(0, -'.log'.length));
}

async function tail(path: string, count: number, offsets: Map<string, number>): Promise<string[]> {
  const { size } = await stat(path);
  offsets.set(path, Math.max(size - TAIL_BYTES_MAX, 0));
  const lines = await readFrom(path, offsets);
  return count > 0 ? lines.slice(-count) : [];
}

/** Whole lines that came since the last look; a file that shrank (rotated) is read from its start. */
async function readFrom(path: string, offsets: Map<string, number>): Promise<string[]> {
  const size = (await stat(path).catch(() => undefined))?.size ?? 0;
  let offset = offsets.get(path) ?? 0;
  if (size < offset) offset = 0;
  if (size === offset) return [];
  const lines: string[] = [];
  for await (const line of createInterface({ input: createReadStream(path, { start: offset, end: size - 1 }) })) lines.push(line);
  offsets.set(path, size);
  return lines.filter((line) => line !== '');
}

function timeOf(line: string): string {
  return /"time":"([^"]+)"/.exec(line)?.[1] ?? '';
}

const LEVEL_COLOURS: Record<string, (text: string) => string> = { warn: pc.yellow, error: pc.red, debug: pc.dim };

/** `12:01:02.345 user   info  message key=value`. */
function render(name: string, line: string): string {
  try {
    const { level, time, msg, name: _name, pid: _pid, ...fields } = JSON.parse(line) as Record<string, unknown>;
    const colour = LEVEL_COLOURS[String(level)] ?? ((text: string) => text);
    const rest = Object.entries(fields).map(([key, value]) => pc.dim(`${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`));
    return `${pc.dim(String(time).slice(11, 23))} ${name.padEnd(12)} ${colour(String(level).padEnd(5))} ${String(msg)} ${rest.join(' ')}`.trimEnd();
  } catch {
    return `${pc.dim('            ')} ${name.padEnd(12)}       ${line}`;
  }
}
