import assert from 'node:assert/strict';
import {
  describeError,
  isNoaError,
  NoaError,
  Repeater,
  type Clock,
  type Database,
  type Gauge,
  type Lifecycle,
  type Logger,
  type Metrics,
  type Migration,
  type Stoppable,
} from '@noa/core';
import type { ConfiguredKeyspace } from './config/ShardConfig.ts';
import type { KeyType } from './hash/KeyType.ts';
import { MAP_CHANNEL } from './map/schema.ts';
import { settleMap, activateShards } from './map/settleMap.ts';
import { ShardMapStore } from './map/ShardMapStore.ts';
import { checkShard, type ShardHealth } from './checkShard.ts';
import { migrateShards, type UnreachableShards } from './migrateShards.ts';
import { ShardDatabase, type Admission } from './ShardDatabase.ts';
import { admitShard, refuseSharedDatabases } from './ShardIdentity.ts';
import { KEYSPACE_NAME_PATTERN, SHARD_ID_PATTERN, SHARDS_MAX, type ShardMap } from './ShardMap.ts';
import { ShardRouter } from './ShardRouter.ts';
import { HashStrategy } from './strategies/HashStrategy.ts';

export interface ShardManagerOptions {
  /** Holds the truth about the map, in schema `noa_shard`. May at the same time be a shard. */
  readonly control: Database;
  /** All shards of the deployment, 1..80, distinct ids of lower-case letters, digits and `-`. The manager does not stop them. */
  readonly shards: readonly { readonly id: string; readonly database: Database }[];
  /** Name of the set of tables that are cut by one key, `^[a-z][a-z0-9_-]{0,62}$`. */
  readonly keyspace: string;
  readonly keyType: KeyType;
  /** The routing rules of `loadShardConfig`. When there are any, the keyspace must be one of them, with the same key type. */
  readonly rules?: readonly ConfiguredKeyspace[];
  readonly logger: Logger;
  readonly clock: Clock;
  readonly metrics?: Metrics;
}

/** A lost notification is made up for after this long at the latest. */
const REFRESH_MS = 30_000;

/**
 * Owns one keyspace on a set of shards: makes or loads the shard map, makes sure that each database is the shard it is given as,
 * keeps the router at the newest epoch, and brings schema changes to all shards.
 *
 * States: idle → starting → running → stopped. The control database is authoritative about the map, each shard about its identity.
 * First start: the map is written with every shard `joining`, each database is marked, the map then says `active`. Any number of managers may
 * do this together; whoever dies in between leaves something that the next start completes. While running the map is kept in memory, so the
 * loss of the control database stops no query; changes are seen by NOTIFY, after each reconnect, and every 30 s.
 */
export class ShardManager implements Lifecycle {
  readonly router: ShardRouter;
  readonly shards: readonly { readonly id: string; readonly database: Database }[];
  readonly #options: ShardManagerOptions;
  readonly #store: ShardMapStore;
  readonly #nodes: readonly ShardNode[];
  readonly #epoch: Gauge | undefined;
  #map: ShardMap | undefined;
  #starting: Promise<void> | undefined;
  #refresher: Repeater | undefined;
  #listener: Stoppable | undefined;
  #copying: Promise<unknown> | undefined;
  #isStopped = false;

  constructor(options: ShardManagerOptions) {
    const ids = options.shards.map((shard) => shard.id);
    assert(ids.length >= 1 && ids.length <= SHARDS_MAX, `expected 1..${SHARDS_MAX} shards, got ${ids.length}`);
    assert(
      ids.every((id) => new RegExp(SHARD_ID_PATTERN).test(id)) && new Set(ids).size === ids.length,
      `shard ids must be distinct and match ${SHARD_ID_PATTERN}`,
    );
    assert(new RegExp(KEYSPACE_NAME_PATTERN).test(options.keyspace), `a keyspace's name must match ${KEYSPACE_NAME_PATTERN}`);
    this.#options = options;
    this.#store = new ShardMapStore(options.control);
    this.#nodes = options.shards.map((shard) => this.#node(shard));
    this.shards = this.#nodes;
    this.router = new ShardRouter(new Map(this.#nodes.map((node) => [node.id, node.database])));
    this.#epoch = options.metrics?.gauge('shard_map_epoch', 'Epoch of the shard map in use', ['keyspace']);
  }

  /** The map in use. @throws AssertionError before `start`. */
  get map(): ShardMap {
    assert(this.#map !== undefined, 'the ShardManager is not started');
    return this.#map;
  }

  /**
   * Resolves when keys can be routed. At the first start every shard must be reachable; later a shard that is away is only reported, and is
   * checked before its first use.
   * @throws NoaError `SHARD_SET_CHANGED`, `SHARD_KEYSPACE_MISMATCH`, `SHARD_IDENTITY_MISMATCH`, `SHARD_MAP_STALE`, `SHARD_MAP_INVALID`,
   *   `SHARD_MAP_CONTENDED`, `SHARD_UNAVAILABLE` (first start), `DATABASE_UNAVAILABLE` (control database).
   */
  start(): Promise<void> {
    this.#starting ??= this.#start().catch((error: unknown) => {
      // A failed start may be tried again.
      this.#starting = undefined;
      throw error;
    });
    return this.#starting;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#starting?.catch(() => undefined);
    await this.#listener?.stop();
    await this.#refresher?.stop();
    await this.#copying;
  }

  /**
   * Brings `schema` to the newest version on every shard, in parallel; each shard has its own version table, so a second run completes
   * what a failed one began.
   * @param options - `unreachable: 'postpone'` does a shard that is away before its next use instead of failing; default `fail`.
   * @returns the versions applied by this call, per shard.
   * @throws NoaError `SHARD_MIGRATION_FAILED` naming the shards that failed.
   */
  migrate(schema: string, migrations: readonly Migration[], options: { unreachable?: UnreachableShards } = {}): Promise<Record<string, number[]>> {
    const { logger } = this.#options;
    return migrateShards({ shards: this.#nodes, schema, migrations, unreachable: options.unreachable ?? 'fail', logger });
  }

  /** Asks each shard for a sign of life; never throws. */
  checkHealth(): Promise<readonly ShardHealth[]> {
    return Promise.all(this.#nodes.map((node) => checkShard(node, this.#options.clock)));
  }

  async #start(): Promise<void> {
    const { keyspace, keyType, control, clock, logger } = this.#options;
    checkRules(this.#options);
    await this.#store.prepare();
    const known = await this.#store.load();
    if (known === undefined) await refuseSharedDatabases(this.#nodes);
    const shardIds = this.#nodes.map((node) => node.id);
    const map = await settleMap({ store: this.#store, shardIds, keyspace, keyType });
    this.#use(map);
    await this.#admitAll(map);
    this.#use(await activateShards(this.#store, map));
    if (this.#isStopped) return;
    const onError = (error: unknown): void => logger.warn({ err: error }, 'the shard map could not be read again; the one in memory stays in use');
    this.#refresher = new Repeater({ clock, intervalMs: REFRESH_MS, run: () => this.#refresh(), onError });
    const refresh = (): void => this.#refresher?.trigger();
    this.#refresher.start({ delayFirst: true });
    this.#listener = control.listen(MAP_CHANNEL, { onNotify: refresh, onConnect: refresh });
  }

  /** An unreachable shard that is already active may be late; any other failure ends the start. */
  async #admitAll(map: ShardMap): Promise<void> {
    const results = await Promise.allSettled(this.#nodes.map((node) => node.database.admit()));
    for (const [index, result] of results.entries()) {
      if (result.status === 'fulfilled') continue;
      const { id } = this.#nodes[index]!;
      const isActive = map.shards.some((shard) => shard.id === id && shard.state === 'active');
      if (!isActive || !isNoaError(result.reason, 'SHARD_UNAVAILABLE')) throw result.reason;
      this.#options.logger.warn({ shardId: id, err: result.reason }, 'a shard is not reachable; it will be checked before its first use');
    }
  }

  async #refresh(): Promise<void> {
    const map = await this.#store.load();
    if (map === undefined || map.cluster !== this.map.cluster || map.epoch < this.map.epoch) {
      const found = map === undefined ? 'none' : { epoch: map.epoch, cluster: map.cluster };
      this.#options.logger.error(
        { found, used: this.map.epoch },
        'the control database holds an older or foreign shard map; the one in memory stays in use',
      );
      return;
    }
    if (map.epoch === this.map.epoch) return;
    this.#use(map);
    // Not awaited here: a silent shard must not keep this process from hearing of the next map.
    this.#copying = Promise.all(this.#nodes.map((node) => this.#copyTo(node)));
  }

  async #copyTo(node: ShardNode): Promise<void> {
    await node.database.admit().catch((error: unknown) => {
      this.#options.logger.warn({ shardId: node.id, reason: describeError(error) }, 'a shard could not be given the new shard map yet');
    });
  }

  /** Routes by `map` from now on, and has each shard checked and given the map before its next use. */
  #use(map: ShardMap): void {
    if (this.#map !== undefined && map.epoch <= this.#map.epoch) return;
    const { keyType, keyspace } = this.#options;
    this.#map = map;
    const shardIds = map.shards.map((shard) => shard.id);
    this.router.adopt({ epoch: map.epoch, strategy: new HashStrategy({ keyType, assignment: map.assignment }), shardIds });
    this.#epoch?.set(map.epoch, { keyspace });
    for (const node of this.#nodes) if (shardIds.includes(node.id)) node.database.require(node.admission);
  }

  #node(shard: { id: string; database: Database }): ShardNode {
    const { clock, metrics } = this.#options;
    const admission: Admission = async (database) => {
      for (;;) {
        const tried = this.map;
        try {
          return await admitShard(database, shard.id, tried);
        } catch (error) {
          if (!isNoaError(error, 'SHARD_MAP_STALE')) throw error;
          // Another manager may just have changed the map and copied it before we heard of it. Each round needs a newer map, so this ends.
          const newest = await this.#store.load();
          if (newest === undefined || newest.epoch <= tried.epoch) throw error;
          this.#use(newest);
        }
      }
    };
    return { id: shard.id, database: new ShardDatabase({ shardId: shard.id, database: shard.database, clock, metrics }), admission };
  }
}

function checkRules({ keyspace, keyType, rules = [] }: ShardManagerOptions): void {
  const rule = rules.find((candidate) => candidate.name === keyspace);
  if (rules.length === 0 || rule?.keyType === keyType) return;
  throw new NoaError('SHARD_KEYSPACE_MISMATCH', {
    message: `Keyspace ${keyspace} with keys of type ${keyType} is not among the rules of the shard configuration`,
    details: { keyspace, keyType, rules },
  });
}

interface ShardNode {
  readonly id: string;
  readonly database: ShardDatabase;
  /** One function a shard, so that it waits at most once. */
  readonly admission: Admission;
}

export type { ShardHealth } from './checkShard.ts';
