import { mkdir, statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Command } from 'commander';
import pc from 'picocolors';
import { describeError, isNoaError, systemClock } from '@noa/core';
import { DataFolder } from '../data/DataFolder.ts';
import { readRunningState, readState } from '../data/SystemState.ts';
import { describePortHolder, findPostgresBinaries, findUnprivilegedUser } from '../embedded/index.ts';
import type { Console } from '../output/Console.ts';
import { PORT_BASE_DEFAULT, PortOffset, SERVICES } from '../services.ts';
import { action, ExitCode, withCommonOptions, type CommonOptions } from './Command.ts';

interface Finding {
  readonly name: string;
  readonly status: 'ok' | 'warning' | 'problem';
  readonly detail: string;
}

/** Two fresh clusters and their logs fit well in this. */
const DISK_BYTES_MIN = 500 * 1_048_576;

export function addDoctorCommand(program: Command): void {
  withCommonOptions(program.command('doctor'))
    .description('look for what would keep this machine from running the system')
    .addHelpText('after', '\nExit codes: 0 nothing found, 1 a problem.')
    .action(action<CommonOptions>(doctor));
}

async function doctor(console: Console, options: CommonOptions): Promise<number> {
  const folder = new DataFolder(options.data);
  const findings = [
    checkNode(),
    await attempt('PostgreSQL', async () =>
      process.env['NOA_DATABASE_URL'] === undefined ? checkPostgres() : 'NOA_DATABASE_URL names an outside server',
    ),
    await attempt('data folder', async () => {
      await folder.open();
      return `${folder.path} can be written`;
    }),
    await checkDisk(folder.path),
    await checkLeftovers(folder),
    ...(await checkPortsOf(folder)),
    await checkClock(folder),
  ];
  const marks = { ok: pc.green('✓'), warning: pc.yellow('!'), problem: pc.red('✗') };
  for (const { name, status, detail } of findings) console.line(`${marks[status]} ${name.padEnd(12)} ${detail}`);
  const hasProblem = findings.some((finding) => finding.status === 'problem');
  console.json({ isHealthy: !hasProblem, findings });
  return hasProblem ? ExitCode.Failed : ExitCode.Ok;
}

function checkNode(): Finding {
  return { name: 'Node', status: 'ok', detail: `${process.version} on ${process.platform}-${process.arch}` };
}

function checkPostgres(): string {
  const { version } = findPostgresBinaries();
  const account = findUnprivilegedUser();
  return `embedded ${version}${account === undefined ? '' : `, to be run as ${account.name}, since we are root`}`;
}

async function attempt(name: string, run: () => Promise<string>): Promise<Finding> {
  try {
    return { name, status: 'ok', detail: await run() };
  } catch (error) {
    return { name, status: 'problem', detail: isNoaError(error) ? error.message : describeError(error) };
  }
}

async function checkDisk(path: string): Promise<Finding> {
  await mkdir(path, { recursive: true }).catch(() => undefined);
  const stats = await statfs(path).catch(() => undefined);
  if (stats === undefined) return { name: 'disk', status: 'warning', detail: 'free space is unknown' };
  const free = stats.bavail * stats.bsize;
  const detail = `${Math.round(free / 1_048_576)} MB free`;
  return {
    name: 'disk',
    status: free < DISK_BYTES_MIN ? 'problem' : 'ok',
    detail: free < DISK_BYTES_MIN ? `${detail}; at least 500 MB are needed` : detail,
  };
}

async function checkLeftovers(folder: DataFolder): Promise<Finding> {
  if ((await readRunningState(folder)) !== undefined) return { name: 'system', status: 'ok', detail: 'running' };
  const left = await readState(folder);
  if (left === undefined) return { name: 'system', status: 'ok', detail: 'not running' };
  return { name: 'system', status: 'warning', detail: 'was not stopped in order; the next ./noa up takes over what is left, ./noa down ends it' };
}

async function checkPortsOf(folder: DataFolder): Promise<Finding[]> {
  if ((await readRunningState(folder)) !== undefined) return [];
  const ports = [PortOffset.Gateway, PortOffset.Admin, ...SERVICES.map((service) => service.portOffset)].map((offset) => PORT_BASE_DEFAULT + offset);
  const taken = (await Promise.all(ports.map(async (port) => ((await isFree(port)) ? [] : [port])))).flat();
  if (taken.length === 0) return [{ name: 'ports', status: 'ok', detail: `${ports.join(', ')} are free` }];
  const named = await Promise.all(taken.map(async (port) => `${port} (${(await describePortHolder(port)) ?? 'holder unknown'})`));
  return [{ name: 'ports', status: 'warning', detail: `taken: ${named.join(', ')}; start with ./noa up --port-base ${PORT_BASE_DEFAULT + 1_000}` }];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** Tokens, leases and ids lean on the wall clock: one that went back behind the last start is worth a word. */
async function checkClock(folder: DataFolder): Promise<Finding> {
  const startedAt = (await readState(folder))?.startedAt;
  const isBehind = startedAt !== undefined && Date.parse(startedAt) > systemClock.now();
  if (isBehind)
    return { name: 'clock', status: 'problem', detail: `the clock is behind the last start (${startedAt}): it went backwards; set it right` };
  return { name: 'clock', status: 'ok', detail: new Date(systemClock.now()).toISOString() };
}
