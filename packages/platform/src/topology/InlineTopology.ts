import { StopStack } from '@noa/core';
import type { ProcessRecord } from '../data/SystemState.ts';
import type { Program, Topology } from './Topology.ts';

/** Everything in the supervisor's process: least memory, no isolation. */
export class InlineTopology implements Topology {
  readonly #stops = new StopStack();

  async start(program: Program): Promise<void> {
    this.#stops.use(await program.runInline(program.env));
  }

  get processes(): readonly ProcessRecord[] {
    return [];
  }

  stop(): Promise<void> {
    return this.#stops.stop();
  }
}
