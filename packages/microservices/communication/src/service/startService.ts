import {
  createLogger,
  createMetrics,
  loadConfig,
  StopStack,
  systemClock,
  systemRandom,
  type Clock,
  type ConfigFields,
  type ConfigOf,
  type Environment,
  type Logger,
  type Random,
} from '@noa/core';
import { InstanceStatus, type Instance } from '@noa/service-registry';
import { createServiceApp } from './createServiceApp.ts';
import { CallerCheck } from './caller.ts';
import { Engines } from './Engines.ts';
import { Health } from './Health.ts';
import type { ServiceApp, ServiceDefinition, ServiceHost } from './ServiceDefinition.ts';
import { sharedFields, type SharedSettings } from './settings.ts';

/** A service that answers. */
export interface RunningService {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** Takes the instance out of the registry, drains, stops. May be called twice. */
  stop(): Promise<void>;
}

/** What a caller may bring instead of the defaults. */
export interface StartOverrides {
  readonly clock?: Clock;
  readonly random?: Random;
  readonly logger?: Logger;
  /** Shared with other services of the process; then it is not stopped with the service. */
  readonly engines?: Engines;
}

/** Pause between leaving the registry and closing the door: watchers need a moment to look elsewhere. */
const LEAVE_MS = 300;

/**
 * Starts a service from an environment: settings, engines, HTTP server, registry entry, in that order.
 * @throws NoaError `CONFIG_INVALID` before anything is opened.
 */
export async function startService<Fields extends ConfigFields>(
  definition: ServiceDefinition<Fields>,
  env: Environment,
  overrides: StartOverrides = {},
): Promise<RunningService> {
  const settings = loadConfig(sharedFields, env);
  const config = loadConfig(definition.config, env);
  const clock = overrides.clock ?? systemClock;
  const random = overrides.random ?? systemRandom;
  const logger = overrides.logger ?? createLogger({ name: definition.name, level: settings.logLevel });
  const outer = new StopStack();
  const engines = overrides.engines ?? outer.use(new Engines({ settings, name: definition.name, clock, random, logger }));
  try {
    return await assemble({ definition, settings, config, clock, random, logger, engines, outer, isShared: overrides.engines !== undefined });
  } catch (error) {
    await outer.stop().catch((stopError: unknown) => logger.warn({ err: stopError }, 'a part failed to stop after a failed start'));
    throw error;
  }
}

interface Assembly<Fields extends ConfigFields> {
  readonly definition: ServiceDefinition<Fields>;
  readonly settings: SharedSettings;
  readonly config: ConfigOf<Fields>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly engines: Engines;
  readonly outer: StopStack;
  readonly isShared: boolean;
}

async function assemble<Fields extends ConfigFields>(assembly: Assembly<Fields>): Promise<RunningService> {
  const { definition, settings, config, clock, random, logger, engines, outer } = assembly;
  const { name, version, about } = definition;
  const health = new Health({ clock, logger });
  const metrics = assembly.isShared ? createMetrics({ labels: { service: name } }) : engines.metrics;
  const app = await createServiceApp({ name, version, about, publicURL: settings.publicURL, clock, random, logger, metrics, health });
  health.add('database', async () => void (await engines.control.query('SELECT 1')));
  const stops = outer.use(new StopStack());
  const tokens = await engines.tokens();
  const { registry } = await engines.registry();
  const host: ServiceHost<ConfigOf<Fields>> = {
    name,
    config,
    settings,
    clock,
    random,
    logger,
    metrics,
    app,
    control: engines.control,
    shards: (keyspace) => engines.shards(keyspace),
    queue: () => engines.queue(),
    client: (service, options) => engines.client(service, options),
    tokens,
    callers: new CallerCheck(tokens),
    stops,
    addReadiness: (check, run) => health.add(check, run),
  };
  await definition.create(host);
  outer.defer(() => closeWithin(app, settings.drainMs, clock));
  await app.listen({ host: settings.host, port: settings.port ?? definition.portDefault });
  const address = app.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  health.serve();
  const announcement = await registry.announce(instanceOf(assembly, port));
  logger.info({ host: settings.host, port }, `${name} is serving`);

  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    health.drain();
    await announcement.stop();
    await clock.sleep(LEAVE_MS);
    await outer.stop();
  };
  return { name, host: settings.host, port, stop: () => (stopping ??= stop()) };
}

/** Lets requests in progress end, and cuts those that take longer. */
async function closeWithin(app: ServiceApp, drainMs: number, clock: Clock): Promise<void> {
  const timer = clock.schedule(drainMs, () => app.server.closeAllConnections());
  await app.close();
  timer.cancel();
}

function instanceOf<Fields extends ConfigFields>(assembly: Assembly<Fields>, port: number): Instance {
  const { definition, settings, random } = assembly;
  const suffix = Buffer.from(random.bytes(4)).toString('hex');
  return {
    id: settings.instanceId === undefined ? `${definition.name}-${suffix}` : `${definition.name}-${settings.instanceId}`,
    service: definition.name,
    host: settings.advertiseHost ?? settings.host,
    port,
    version: definition.version,
    weight: 100,
    ...(settings.zone === undefined ? {} : { zone: settings.zone }),
    status: InstanceStatus.Passing,
    metadata: { protocol: 'http' },
    routes: definition.routes,
  };
}
