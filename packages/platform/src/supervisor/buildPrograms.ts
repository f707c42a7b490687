import { fileURLToPath } from 'node:url';
import type { Environment, Logger } from '@noa/core';
import { PortOffset, SERVICES } from '../services.ts';
import type { Program } from '../topology/Topology.ts';
import type { SharedEngines } from './SharedEngines.ts';

/** Every program of the system with its own port. */
export function buildPrograms(env: Environment, portBase: number, shared: SharedEngines, logger: Logger): Program[] {
  const services = SERVICES.map((service): Program => {
    const port = portBase + service.portOffset;
    return {
      name: service.name,
      port,
      mainPath: service.mainPath,
      env: { ...env, NOA_PORT: String(port) },
      runInline: async (own) => {
        const { startService } = await import('@noa/communication');
        return startService(await service.load(), own, { engines: await shared.open(own), logger: logger.child({ service: service.name }) });
      },
    };
  });
  const gateway: Program = {
    name: 'gateway',
    port: portBase + PortOffset.Gateway,
    mainPath: () => fileURLToPath(import.meta.resolve('@noa/api-gateway/main')),
    env,
    runInline: async (own) => {
      const { startGateway } = await import('@noa/api-gateway/main');
      return startGateway(own, { engines: await shared.open(own), logger: logger.child({ service: 'gateway' }) });
    },
  };
  return [...services, gateway];
}
