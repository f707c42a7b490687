import { createMetrics, silentLogger, systemClock, systemRandom } from '@noa/core';
import { QueueManager } from '../QueueManager.ts';
import { PostgresProvider } from './PostgresProvider.ts';

/** A worker process that takes one message and never finishes it. Arguments: URL, queue. Says `holding <attempt>` when it has one. */
const [url, queue] = process.argv.slice(2) as [string, string];
const common = { clock: systemClock, random: systemRandom, logger: silentLogger };
const manager = new QueueManager({ provider: new PostgresProvider({ url, ...common }), ...common, metrics: createMetrics() });
await manager.start();
await manager.declare({ name: queue });
await manager.work(queue, (_, { attempt }) => {
  process.stdout.write(`holding ${attempt}\n`);
  return new Promise(() => undefined);
});
