import { describeError, isNoaError, systemClock, type ConfigFields } from '@noa/core';
import type { ServiceDefinition } from './ServiceDefinition.ts';
import { startService, type RunningService } from './startService.ts';

/** Exit codes of a service process (sysexits.h): 78 for a wrong configuration, 69 when a needed engine is missing. */
const EXIT_CONFIG = 78;
const EXIT_UNAVAILABLE = 69;
/** Parts that hang at stop must not keep the process for ever; drainMs (default 10 s) has passed by then. */
const STOP_MS_MAX = 30_000;

/** Runs a service as the main program of its process: SIGTERM and SIGINT drain it, and a parent that went away does too. */
export async function runService<Fields extends ConfigFields>(definition: ServiceDefinition<Fields>): Promise<void> {
  await runUntilSignal(definition.name, () => startService(definition, process.env));
}

/** The same for anything that starts and stops. */
export async function runUntilSignal(name: string, start: () => Promise<Pick<RunningService, 'stop'> & { port?: number }>): Promise<void> {
  try {
    const running = await start();
    // The supervisor's sign of life: it waits for this, and its end closes the channel.
    process.send?.({ type: 'ready', port: running.port });
    let isStopping = false;
    const stop = (): void => {
      if (isStopping) return;
      isStopping = true;
      systemClock.schedule(STOP_MS_MAX, () => process.exit(1), { keepAlive: false });
      running.stop().then(
        () => process.exit(0),
        (error: unknown) => fail(name, error),
      );
    };
    process.once('SIGTERM', stop);
    process.once('SIGINT', stop);
    process.once('disconnect', stop);
  } catch (error) {
    fail(name, error);
  }
}

function fail(name: string, error: unknown): never {
  process.stderr.write(`${name}: ${describeError(error)}\n`);
  process.exit(isNoaError(error, 'CONFIG_INVALID') ? EXIT_CONFIG : isNoaError(error) ? EXIT_UNAVAILABLE : 1);
}
