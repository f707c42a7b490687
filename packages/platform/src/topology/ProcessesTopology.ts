import type { Clock, Logger, Random } from '@noa/core';
import type { ProcessRecord } from '../data/SystemState.ts';
import type { Program, Topology } from './Topology.ts';
import { SupervisedProcess } from './SupervisedProcess.ts';

export interface ProcessesTopologyOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly logPath: (name: string) => string;
  /** Called whenever the set of processes has changed. */
  readonly onChange: () => void;
}

/** One process per program, restarted when it ends unasked. */
export class ProcessesTopology implements Topology {
  readonly #options: ProcessesTopologyOptions;
  readonly #children = new Map<string, SupervisedProcess>();

  constructor(options: ProcessesTopologyOptions) {
    this.#options = options;
  }

  async start(program: Program): Promise<void> {
    const { clock, random, logger, logPath, onChange } = this.#options;
    const child = new SupervisedProcess({
      name: program.name,
      port: program.port,
      mainPath: program.mainPath(),
      env: program.env,
      logPath: logPath(program.name),
      clock,
      random,
      logger,
      onChange,
    });
    this.#children.set(program.name, child);
    await child.start();
  }

  get processes(): readonly ProcessRecord[] {
    return [...this.#children.values()].flatMap((child) => (child.record === undefined ? [] : [child.record]));
  }

  async stop(): Promise<void> {
    // The gateway first: requests in flight through it need the services a moment longer.
    await this.#children.get('gateway')?.stop();
    await Promise.all([...this.#children.values()].map((child) => child.stop()));
  }
}
