import { fileURLToPath } from 'node:url';
import type { ConfigFields } from '@noa/core';
import type { ServiceDefinition } from '@noa/communication';

/** One service of the system. Adding a service is adding a line here. */
export interface ServiceEntry {
  readonly name: string;
  /** Added to the port base: user answers on base + 1. */
  readonly portOffset: number;
  /** Program of the process. */
  readonly mainPath: () => string;
  /** The definition, for running it inside this process. */
  readonly load: () => Promise<ServiceDefinition<ConfigFields>>;
}

const entry = (name: string, portOffset: number, load: () => Promise<unknown>): ServiceEntry => ({
  name,
  portOffset,
  mainPath: () => fileURLToPath(import.meta.resolve(`@noa/service-${name}/main`)),
  load: load as () => Promise<ServiceDefinition<ConfigFields>>,
});

export const SERVICES: readonly ServiceEntry[] = [
  entry('user', 1, async () => (await import('@noa/service-user')).userService),
  entry('auth', 2, async () => (await import('@noa/service-auth')).authService),
  entry('notification', 6, async () => (await import('@noa/service-notification')).notificationService),
];

/** Ports besides those of the services, as offsets from the base. */
export const PortOffset = { Gateway: 0, Admin: 10, Sink: 25, PostgreSQL: 32 } as const;

export const PORT_BASE_DEFAULT = 3_000;
