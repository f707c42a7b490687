import { createMetrics, silentLogger, systemClock, systemRandom } from '@noa/core';
import { QueueManager } from '../QueueManager.ts';
import { PostgresProvider } from './PostgresProvider.ts';

/**
 * A worker process. Arguments: URL, queue, `hold` or `handle`. `hold` takes a message, says `holding <attempt>` and never finishes;
 * `handle` says each message's id when its effect is done, just before it is acknowledged.
 */
const [url, queue, mode] = process.argv.slice(2) as [string, string, string];
const HANDLING_MS = 5;
const common = { clock: systemClock, random: systemRandom, logger: silentLogger };
const manager = new QueueManager({ provider: new PostgresProvider({ url, ...common }), ...common, metrics: createMetrics() });
await manager.start();
await manager.declare({ name: queue });
await manager.work(queue, async ({ id }, { attempt }) => {
  if (mode === 'hold') {
    process.stdout.write(`holding ${attempt}\n`);
    await new Promise(() => undefined);
  }
  await systemClock.sleep(HANDLING_MS);
  process.stdout.write(`${id}\n`);
});
