import type { Environment, Stoppable } from '@noa/core';
import type { ProcessRecord } from '../data/SystemState.ts';

/** One program of the system: a service or the gateway. */
export interface Program {
  readonly name: string;
  readonly port: number;
  readonly mainPath: () => string;
  /** Runs it inside this process. */
  readonly runInline: (env: Environment) => Promise<Stoppable>;
  readonly env: Environment;
}

/** Where programs run. The one place that decides it. */
export interface Topology extends Stoppable {
  /** Resolves when the program serves. @throws NoaError `PROGRAM_START_FAILED`, `CONFIG_INVALID`. */
  start(program: Program): Promise<void>;
  /** Processes besides the supervisor's own. */
  readonly processes: readonly ProcessRecord[];
}
