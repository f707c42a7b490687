import { Engines, runUntilSignal, sharedFields } from '@noa/communication';
import { createLogger, loadConfig, StopStack, systemClock, systemRandom, type Environment, type Logger } from '@noa/core';
import { AdminAPI } from './admin/AdminAPI.ts';
import { APIGateway } from './APIGateway.ts';
import { gatewayConfig } from './config.ts';
import { NodeHTTPEngine } from './engine/NodeHTTPEngine.ts';
import { PostgresRouteStore } from './store/PostgresRouteStore.ts';

/** A gateway that answers. */
export interface RunningGateway {
  readonly port: number;
  readonly adminPort: number;
  stop(): Promise<void>;
}

/**
 * Starts the gateway from an environment.
 * @param overrides.engines - shared with services of the same process; then they are not stopped with the gateway.
 * @throws NoaError `CONFIG_INVALID` before anything is opened.
 */
export async function startGateway(env: Environment, overrides: { engines?: Engines; logger?: Logger } = {}): Promise<RunningGateway> {
  const settings = loadConfig(sharedFields, env);
  const config = loadConfig(gatewayConfig, env);
  const clock = systemClock;
  const random = systemRandom;
  const logger = overrides.logger ?? createLogger({ name: 'gateway', level: settings.logLevel });
  const stops = new StopStack();
  try {
    const engines = overrides.engines ?? stops.use(new Engines({ settings, name: 'gateway', clock, random, logger }));
    const { metrics } = engines;
    const { discovery } = await engines.registry();
    const tokens = await engines.tokens();
    const routeStore = stops.use(new PostgresRouteStore({ database: engines.control }));
    const { connectTimeoutMs, headTimeoutMs } = config;
    const engine = new NodeHTTPEngine({ clock, logger, connectTimeoutMs, headTimeoutMs });
    const gateway = new APIGateway({ engine, discovery, tokens, routeStore, clock, random, logger, metrics, config });
    await gateway.start();
    stops.use(gateway);
    const admin = new AdminAPI({ gateway, config, clock, random, logger, metrics });
    await admin.start();
    stops.use(admin);
    const port = gateway.address?.port ?? config.port;
    logger.info({ host: config.host, port, adminPort: config.adminPort }, 'the gateway is serving');
    return { port, adminPort: admin.address?.port ?? config.adminPort, stop: () => stops.stop() };
  } catch (error) {
    await stops.stop().catch((stopError: unknown) => logger.warn({ err: stopError }, 'a part failed to stop after a failed start'));
    throw error;
  }
}

if (import.meta.main) await runUntilSignal('gateway', () => startGateway(process.env));
