import { fileURLToPath } from 'node:url';
import type { Environment, Logger, Stoppable } from '@noa/core';
import { Engines, sharedFields, startService } from '@noa/communication';
import { loadConfig, systemClock, systemRandom } from '@noa/core';
import { PortOffset, SERVICES } from '../services.ts';
import type { Program } from '../topology/Topology.ts';

/** One control pool for everything in one process; the services' own limit would starve eight of them. */
const INLINE_POOL_MAX = '8';

/** Engines shared by all programs of this process (topology `inline`), opened when the first program asks. */
export class SharedEngines implements Stoppable {
  readonly #logger: Logger;
  #engines: Engines | undefined;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  open(env: Environment): Engines {
    if (this.#engines === undefined) {
      const settings = loadConfig(sharedFields, { ...env, NOA_DATABASE_POOL_MAX: INLINE_POOL_MAX });
      this.#engines = new Engines({ settings, name: 'inline', clock: systemClock, random: systemRandom, logger: this.#logger });
    }
    return this.#engines;
  }

  async stop(): Promise<void> {
    await this.#engines?.stop();
  }
}

/** Every program of the system with its own port. */
export function buildPrograms(env: Environment, portBase: number, shared: SharedEngines, logger: Logger): Program[] {
  const services = SERVICES.map((service): Program => {
    const port = portBase + service.portOffset;
    return {
      name: service.name,
      port,
      mainPath: service.mainPath,
      env: { ...env, NOA_PORT: String(port) },
      runInline: async (own) =>
        startService(await service.load(), own, { engines: shared.open(own), logger: logger.child({ service: service.name }) }),
    };
  });
  const gateway: Program = {
    name: 'gateway',
    port: portBase + PortOffset.Gateway,
    mainPath: () => fileURLToPath(import.meta.resolve('@noa/api-gateway/main')),
    env,
    runInline: async (own) => {
      const { startGateway } = await import('@noa/api-gateway/main');
      return startGateway(own, { engines: shared.open(own), logger: logger.child({ service: 'gateway' }) });
    },
  };
  return [...services, gateway];
}
