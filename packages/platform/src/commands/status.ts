import type { Command } from 'commander';
import pc from 'picocolors';
import { NoaError } from '@noa/core';
import { DataFolder } from '../data/DataFolder.ts';
import { isSameProcess } from '../data/processIdentity.ts';
import { readRunningState, type SystemState } from '../data/SystemState.ts';
import type { Console } from '../output/Console.ts';
import { PortOffset, SERVICES } from '../services.ts';
import { action, ExitCode, withCommonOptions, type CommonOptions } from './Command.ts';

interface PartStatus {
  readonly name: string;
  readonly kind: 'gateway' | 'service' | 'engine' | 'supervisor';
  readonly pid?: number;
  readonly port?: number;
  readonly isHealthy: boolean;
  readonly detail: string;
}

export function addStatusCommand(program: Command): void {
  withCommonOptions(program.command('status'))
    .description('show what runs and whether it is healthy')
    .addHelpText('after', '\nExit codes: 0 all healthy, 1 something is not, 3 nothing runs.')
    .action(action<CommonOptions>(status));
}

async function status(console: Console, options: CommonOptions): Promise<number> {
  const state = await readRunningState(new DataFolder(options.data));
  if (state === undefined) {
    throw new NoaError('NOT_RUNNING', { message: `Nothing runs on ${options.data}; start it with ./noa up` });
  }
  const parts = await inspect(state);
  const isHealthy = parts.every((part) => part.isHealthy) && state.phase === 'running';
  console.json({ isHealthy, phase: state.phase, topology: state.topology, gateway: state.gateway, startedAt: state.startedAt, parts });
  console.line(`${state.topology}, ${state.phase} since ${state.startedAt}, gateway ${pc.cyan(state.gateway)}`);
  console.table(
    ['part', 'kind', 'pid', 'port', 'health'],
    parts.map((part) => [
      part.name,
      part.kind,
      String(part.pid ?? '-'),
      String(part.port ?? '-'),
      part.isHealthy ? part.detail : `NOT HEALTHY: ${part.detail}`,
    ]),
  );
  return isHealthy ? ExitCode.Ok : ExitCode.Failed;
}

/** Asks each part itself. */
async function inspect(state: SystemState): Promise<PartStatus[]> {
  const pidOf = (name: string): number | undefined =>
    state.topology === 'inline' ? state.supervisor.pid : state.processes.find((record) => record.name === name)?.pid;
  const http = [
    { name: 'gateway', kind: 'gateway' as const, port: state.portBase + PortOffset.Gateway },
    ...SERVICES.map((service) => ({ name: service.name, kind: 'service' as const, port: state.portBase + service.portOffset })),
  ];
  const parts = await Promise.all(
    http.map(async ({ name, kind, port }): Promise<PartStatus> => {
      const pid = pidOf(name);
      return { name, kind, port, ...(pid === undefined ? {} : { pid }), ...(await readHealth(port)) };
    }),
  );
  const processes = [
    { ...state.supervisor, kind: 'supervisor' as const },
    ...state.engines.map((engine) => ({ ...engine, kind: 'engine' as const })),
  ].map((record): PartStatus => {
    const isHealthy = isSameProcess(record);
    const port = record.port === undefined ? {} : { port: record.port };
    return { name: record.name, kind: record.kind, pid: record.pid, ...port, isHealthy, detail: isHealthy ? 'running' : 'gone' };
  });
  return [...processes, ...parts];
}

const HEALTH_MS_MAX = 3_000;

async function readHealth(port: number): Promise<{ isHealthy: boolean; detail: string }> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/health/ready`, { signal: AbortSignal.timeout(HEALTH_MS_MAX) });
    const body = (await response.json()) as { status?: string; checks?: { name: string; isPassing: boolean }[] };
    const failing = (body.checks ?? []).filter((check) => !check.isPassing).map((check) => check.name);
    return { isHealthy: response.ok, detail: failing.length === 0 ? (body.status ?? String(response.status)) : `failing: ${failing.join(', ')}` };
  } catch {
    return { isHealthy: false, detail: 'does not answer' };
  }
}
