import assert from 'node:assert/strict';
import { NoaError, Semaphore, type Database, type IsolationLevel, type SQLExecutor, type SQLResult } from '@noa/core';
import type { Placement, ShardingStrategy } from './strategies/ShardingStrategy.ts';

/** A key's place and the epoch of the map that says so. */
export interface Location extends Placement {
  readonly epoch: number;
}

/** What the router knows at one epoch; replaced as a whole. */
export interface RoutingTable {
  readonly epoch: number;
  readonly strategy: ShardingStrategy;
  /** Every shard of the map, in the map's order. */
  readonly shardIds: readonly string[];
}

/** Shards asked at once when the caller does not say. */
const CONCURRENCY_DEFAULT = 8;

/**
 * Sends work to the shard that owns its key. Everything on one key is one shard's business; nothing here spans shards in one transaction.
 * The table only moves to higher epochs. A shard that is away fails its own keys with `SHARD_UNAVAILABLE` and no others.
 */
export class ShardRouter {
  readonly #databases: ReadonlyMap<string, Database>;
  #table: RoutingTable | undefined;

  constructor(databases: ReadonlyMap<string, Database>) {
    this.#databases = databases;
  }

  /** Epoch of the table in use; 0 before the first. */
  get epoch(): number {
    return this.#table?.epoch ?? 0;
  }

  /** Takes `table` unless a newer or equal one is in use. @returns whether it was taken. */
  adopt(table: RoutingTable): boolean {
    if (table.epoch <= this.epoch) return false;
    this.#table = table;
    return true;
  }

  /** @throws NoaError `SHARD_KEY_INVALID` for a malformed key. */
  locate(key: string): Location {
    const table = this.#current();
    const { bucket, shardId } = table.strategy.locate(key);
    return { bucket, shardId, epoch: table.epoch };
  }

  /** The database that owns `key`. @throws NoaError `SHARD_KEY_INVALID`, `SHARD_NOT_CONFIGURED`. */
  database(key: string): Database {
    return this.#database(this.#current().strategy.locate(key).shardId);
  }

  /** One statement on the shard of `key`. @throws NoaError `SHARD_UNAVAILABLE` (503, retryable) and those of `database`. */
  async query<Row = Record<string, unknown>>(key: string, text: string, values?: readonly unknown[]): Promise<SQLResult<Row>> {
    return this.database(key).query<Row>(text, values);
  }

  /** One transaction on the shard of `key`. @throws as `query`; what `body` throws comes out as it is. */
  async transaction<T>(key: string, body: (tx: SQLExecutor) => Promise<T>, options?: { isolation?: IsolationLevel }): Promise<T> {
    return this.database(key).transaction(body, options);
  }

  /**
   * Runs `body` once on each shard, at most `concurrency` (>= 1, default 8) at once. All or nothing for the caller: after the first failure
   * no further shard is begun, those under way are waited for, and that failure is thrown; what `body` changed elsewhere stays.
   * @returns the values in the map's shard order.
   */
  async onEveryShard<T>(
    body: (database: Database, shardId: string) => Promise<T>,
    options: { concurrency?: number } = {},
  ): Promise<{ shardId: string; value: T }[]> {
    const targets = this.#current().shardIds.map((shardId) => ({ shardId, database: this.#database(shardId) }));
    const semaphore = new Semaphore({ slots: options.concurrency ?? CONCURRENCY_DEFAULT, waitersMax: targets.length });
    let failure: { readonly error: unknown } | undefined;
    const runs = targets.map(({ shardId, database }) =>
      semaphore.run(async () => {
        if (failure !== undefined) throw failure.error;
        try {
          return { shardId, value: await body(database, shardId) };
        } catch (error) {
          failure ??= { error };
          throw error;
        }
      }),
    );
    const results = await Promise.allSettled(runs);
    if (failure !== undefined) throw (failure as { error: unknown }).error;
    return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  }

  #current(): RoutingTable {
    assert(this.#table !== undefined, 'the ShardManager must be started before its router is used');
    return this.#table;
  }

  #database(shardId: string): Database {
    const database = this.#databases.get(shardId);
    if (database !== undefined) return database;
    throw new NoaError('SHARD_NOT_CONFIGURED', {
      message: `Shard ${shardId} is not known to this process`,
      details: { shardId },
      retryable: true,
      httpStatus: 503,
    });
  }
}
