import { createServer } from 'node:net';
import { NoaError } from '@noa/core';
import { describePortHolder } from '../embedded/index.ts';
import { PortOffset, SERVICES } from '../services.ts';

/** Highest distance from the base that a port of ours has, with room for 100 clusters. */
const SPAN = PortOffset.PostgreSQL + 100;

/** Proves that every port of the system is free before anything starts. @throws NoaError `PORT_TAKEN`, `CONFIG_INVALID`. */
export async function checkPorts(portBase: number, host: string): Promise<void> {
  if (!Number.isInteger(portBase) || portBase < 1 || portBase + SPAN > 65_535) {
    throw new NoaError('CONFIG_INVALID', { message: `--port-base: expected an integer 1..${65_535 - SPAN}, got ${portBase}` });
  }
  const wanted = [
    { name: 'gateway', port: portBase + PortOffset.Gateway },
    { name: 'gateway admin API', port: portBase + PortOffset.Admin },
    { name: 'mail sink', port: portBase + PortOffset.Sink },
    ...SERVICES.map((service) => ({ name: service.name, port: portBase + service.portOffset })),
  ];
  await Promise.all(
    wanted.map(async ({ name, port }) => {
      const code = await tryListen(port, host);
      if (code === undefined) return;
      if (code === 'EACCES')
        throw new NoaError('PORT_TAKEN', { message: `Port ${port} (${name}) needs more rights; choose others with --port-base` });
      const holder = await describePortHolder(port);
      throw new NoaError('PORT_TAKEN', {
        message: `Port ${port} (${name}) is taken${holder === undefined ? '' : ` by ${holder}`}; stop that, or choose other ports: ./noa up --port-base ${suggest(portBase)}`,
        details: { port },
      });
    }),
  );
}

function suggest(portBase: number): number {
  return portBase + 1_000 + SPAN > 65_535 ? 20_000 : portBase + 1_000;
}

function tryListen(port: number, host: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'unknown'));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
