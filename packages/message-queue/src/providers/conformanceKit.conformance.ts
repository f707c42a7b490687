import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { createMetrics, silentLogger, systemClock, systemRandom, type Database, type Stoppable } from '@noa/core';
import { waitFor } from '@noa/testing';
import { Support, type Feature } from '../capabilities.ts';
import type { Handler } from '../Handler.ts';
import { QueueManager } from '../QueueManager.ts';
import type { QueueProvider } from './QueueProvider.ts';

/** What the suite needs of an engine. */
export interface ProviderWorld {
  /** A new, not started provider on the one engine: what another process would have. */
  open(): QueueProvider;
  /** Where `transactionalEnqueue` is there: a pool of the engine's database. */
  readonly database?: Database;
}

/** node:test's `test`, as far as the suite uses it. */
export type TestFunction = (name: string, body: (context: TestContext) => Promise<void>) => unknown;

/** What a case works with. Everything opened is stopped after the case; queue names are the case's own. */
export interface ConformanceCase {
  readonly world: ProviderWorld;
  readonly manager: QueueManager;
  /** A name that no other case uses. */
  readonly queue: string;
  /** A manager as another process would have it, started. */
  another(): Promise<QueueManager>;
  /** Runs a worker until the case is over. */
  work<T>(handler: Handler<T>, options?: { queue?: string; concurrency?: number; manager?: QueueManager }): Promise<Stoppable>;
}

export interface NamedCase {
  readonly name: string;
  /** Without these the case is skipped, and says so. */
  readonly needs?: readonly Feature[];
  readonly run: (kit: ConformanceCase) => Promise<void>;
}

export function newManager(provider: QueueProvider): QueueManager {
  return new QueueManager({ provider, clock: systemClock, random: systemRandom, logger: silentLogger, metrics: createMetrics() });
}

/** Registers `cases` for the engine that `makeWorld` opens; a case whose feature is missing is skipped under that feature's name. */
export function registerCases(prefix: string, cases: readonly NamedCase[], makeWorld: () => ProviderWorld, test: TestFunction): void {
  for (const [index, { name, needs = [], run }] of cases.entries()) {
    test(`${prefix}: ${name}`, async (context) => {
      const world = makeWorld();
      const opened: QueueManager[] = [];
      const another = async (): Promise<QueueManager> => {
        const manager = newManager(world.open());
        opened.push(manager);
        await manager.start();
        return manager;
      };
      try {
        const manager = await another();
        const { features } = await manager.capabilities();
        const missing = needs.find((feature) => features[feature].support === Support.Unsupported);
        if (missing !== undefined) return context.skip(`the provider has no ${missing}`);
        const queue = `${prefix}-${index}-${Buffer.from(systemRandom.bytes(3)).toString('hex')}`;
        await run({
          world,
          manager,
          queue,
          another,
          work: (handler, options = {}) =>
            (options.manager ?? manager).work(options.queue ?? queue, handler, { concurrency: options.concurrency ?? 5 }),
        });
      } finally {
        await Promise.all(opened.map((manager) => manager.stop({ graceMs: 200 })));
      }
    });
  }
}

export async function untilDepth(
  manager: QueueManager,
  queue: string,
  expected: Partial<Record<'ready' | 'delayed' | 'active' | 'dead', number>>,
): Promise<void> {
  await waitFor(
    async () => {
      const depth = await manager.depth(queue);
      assert.deepEqual({ ...depth, ...expected }, depth);
      return true;
    },
    { message: `${queue} to hold ${JSON.stringify(expected)}`, intervalMs: 25 },
  );
}
