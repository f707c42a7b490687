import { loadConfig, systemClock, systemRandom, type Environment, type Logger, type Stoppable } from '@noa/core';
import type { Engines } from '@noa/communication';

/** One control pool for everything in one process; the services' own limit would starve eight of them. */
const INLINE_POOL_MAX = '8';

/**
 * Engines shared by all programs of this process (topology `inline`), opened when the first program asks. Loaded only
 * then: a supervisor of processes stays small.
 */
export class SharedEngines implements Stoppable {
  readonly #logger: Logger;
  #engines: Promise<Engines> | undefined;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  open(env: Environment): Promise<Engines> {
    this.#engines ??= this.#create(env);
    return this.#engines;
  }

  async stop(): Promise<void> {
    await (await this.#engines)?.stop();
  }

  async #create(env: Environment): Promise<Engines> {
    const { Engines: SharedByAll, sharedFields } = await import('@noa/communication');
    const settings = loadConfig(sharedFields, { ...env, NOA_DATABASE_POOL_MAX: INLINE_POOL_MAX });
    return new SharedByAll({ settings, name: 'inline', clock: systemClock, random: systemRandom, logger: this.#logger });
  }
}
