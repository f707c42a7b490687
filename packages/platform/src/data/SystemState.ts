import type { DataFolder } from './DataFolder.ts';
import { isSameProcess, startTicksOf } from './processIdentity.ts';

export const TOPOLOGIES = ['processes', 'inline'] as const;
export type TopologyName = (typeof TOPOLOGIES)[number];

/** A process of ours, told apart from a later one with the same number by its start time. */
export interface ProcessRecord {
  readonly name: string;
  readonly pid: number;
  readonly startTicks: string;
  readonly port?: number;
}

/** What runs, as the supervisor writes it down; `status`, `logs`, `down` and the next `up` read it. */
export interface SystemState {
  readonly supervisor: ProcessRecord;
  readonly phase: 'starting' | 'running' | 'stopping';
  readonly topology: TopologyName;
  readonly portBase: number;
  readonly gateway: string;
  readonly admin: string;
  /** Issuer of tokens. */
  readonly publicURL: string;
  readonly processes: readonly ProcessRecord[];
  readonly engines: readonly ProcessRecord[];
  /** RFC 3339. */
  readonly startedAt: string;
}

const STATE_FILE = 'state.json';

export function processRecord(name: string, pid: number, port?: number): ProcessRecord {
  return { name, pid, startTicks: startTicksOf(pid) ?? '', ...(port === undefined ? {} : { port }) };
}

export function readState(folder: DataFolder): Promise<SystemState | undefined> {
  return folder.readJSON<SystemState>(STATE_FILE);
}

export function writeState(folder: DataFolder, state: SystemState): Promise<void> {
  return folder.writeJSON(STATE_FILE, state);
}

export function removeState(folder: DataFolder): Promise<void> {
  return folder.remove(STATE_FILE);
}

/** The state when its supervisor lives; undefined when nothing runs (there may be leftovers). */
export async function readRunningState(folder: DataFolder): Promise<SystemState | undefined> {
  const state = await readState(folder);
  return state !== undefined && isSameProcess(state.supervisor) ? state : undefined;
}
