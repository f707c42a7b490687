import { readdirSync, readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import type { UpAnswer } from '../acceptance/harness.ts';

/** A part of the system with all its processes: a PostgreSQL has one for each connection. */
export interface Part {
  readonly name: string;
  readonly pids: readonly number[];
}

/** Kernel ticks a second: the same on every Linux of today. */
const TICKS_PER_SECOND = 100;

/** Every process of a running system, grouped by part. */
export function partsOf(system: UpAnswer): Part[] {
  const children = childrenByParent();
  const withDescendants = (pid: number): number[] => [pid, ...(children.get(pid) ?? []).flatMap(withDescendants)];
  const own = [...system.processes, ...system.engines].map(({ name, pid }) => ({ name, pids: withDescendants(pid) }));
  const counted = new Set(own.flatMap(({ pids }) => pids));
  const supervisor = withDescendants(system.supervisor.pid).filter((pid) => !counted.has(pid));
  return [{ name: 'supervisor', pids: supervisor }, ...own];
}

function childrenByParent(): Map<number, number[]> {
  const children = new Map<number, number[]>();
  for (const pid of readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)) {
    const parent = Number(statFields(pid)?.[1]);
    if (!Number.isNaN(parent)) children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  return children;
}

/** Fields of /proc/<pid>/stat after the name: state, parent, …; undefined when the process is gone. */
function statFields(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

/** Proportional set size of all processes of a part, bytes: shared pages are counted once over all. */
export function pssBytes({ pids }: Part): number {
  return pids.reduce((sum, pid) => {
    try {
      const kilobytes = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1];
      return sum + Number(kilobytes ?? 0) * 1_024;
    } catch {
      return sum;
    }
  }, 0);
}

/** CPU time that a part has used so far, microseconds. */
export function cpuMicroseconds({ pids }: Part): number {
  return pids.reduce((sum, pid) => {
    const fields = statFields(pid);
    return sum + ((Number(fields?.[11] ?? 0) + Number(fields?.[12] ?? 0)) * 1_000_000) / TICKS_PER_SECOND;
  }, 0);
}

/** The machine, for the head of a result. */
export function describeMachine(): { cpu: string; cores: number; memoryGiB: number; system: string; node: string } {
  const [first] = cpus();
  return {
    cpu: first?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${release()}`,
    node: process.version,
  };
}

/** @throws Error on machines without /proc. */
export function requireLinux(): void {
  if (process.platform !== 'linux') throw new Error('memory and CPU are read from /proc, which only Linux has');
}
