import {
  connectDatabase,
  createMetrics,
  NoaError,
  StopStack,
  type Clock,
  type Database,
  type Logger,
  type Metrics,
  type Random,
  type Stoppable,
} from '@noa/core';
import { createQueueProvider, QueueManager } from '@noa/message-queue';
import { loadShardConfig, ShardManager, type ConfiguredKeyspace } from '@noa/database-sharding';
import { createRegistryProvider, ServiceDiscovery, ServiceRegistry, UpstreamSet } from '@noa/service-registry';
import { ServiceClient } from '../client/index.ts';
import { TokenVerifier } from '../tokens/index.ts';
import type { KeyspaceRequest } from './ServiceDefinition.ts';
import type { SharedSettings } from './settings.ts';

export interface EnginesOptions {
  readonly settings: SharedSettings;
  /** Shown in pg_stat_activity and in the name of the instance cache. */
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Connections to the shards, and the routing rules of their configuration. */
interface OpenShards {
  readonly databases: readonly { readonly id: string; readonly database: Database }[];
  readonly rules: readonly ConfiguredKeyspace[];
}

/**
 * The outside systems of one process and the clients of them: control database, shards, queue, registry, tokens.
 * Several services in one process (topology `inline`) share one. Each part is opened when first asked for.
 */
export class Engines implements Stoppable {
  readonly control: Database;
  readonly metrics: Metrics;
  readonly #options: EnginesOptions;
  readonly #stops = new StopStack();
  readonly #keyspaces = new Map<string, Promise<ShardManager>>();
  readonly #upstreams = new Map<string, UpstreamSet>();
  #shards: OpenShards | undefined;
  #queue: Promise<QueueManager> | undefined;
  #registry: Promise<{ registry: ServiceRegistry; discovery: ServiceDiscovery }> | undefined;
  #tokens: Promise<TokenVerifier> | undefined;

  constructor(options: EnginesOptions) {
    this.#options = options;
    this.metrics = createMetrics({ withProcess: true });
    this.control = this.#stops.use(this.#connect(options.settings.databaseURL));
  }

  /** The registry and the watch of it, started. */
  registry(): Promise<{ registry: ServiceRegistry; discovery: ServiceDiscovery }> {
    this.#registry ??= this.#openRegistry();
    return this.#registry;
  }

  queue(): Promise<QueueManager> {
    this.#queue ??= this.#openQueue();
    return this.#queue;
  }

  shards(keyspace: KeyspaceRequest): Promise<ShardManager> {
    let manager = this.#keyspaces.get(keyspace.name);
    if (manager === undefined) {
      manager = this.#openKeyspace(keyspace);
      this.#keyspaces.set(keyspace.name, manager);
    }
    return manager;
  }

  /** What this process knows of a service's instances; shared by every client of it. */
  async upstreams(service: string): Promise<UpstreamSet> {
    const { discovery } = await this.registry();
    let set = this.#upstreams.get(service);
    if (set === undefined) {
      const { clock, random, logger } = this.#options;
      set = new UpstreamSet({ service, discovery, clock, random, logger, metrics: this.metrics });
      this.#upstreams.set(service, set);
      this.#stops.use(set);
    }
    return set;
  }

  async client(service: string, options: { token?: () => Promise<string> } = {}): Promise<ServiceClient> {
    const { clock, random, logger } = this.#options;
    const { discovery } = await this.registry();
    const upstreams = await this.upstreams(service);
    return this.#stops.use(new ServiceClient({ service, discovery, upstreams, clock, random, logger, metrics: this.metrics, ...options }));
  }

  /** Verifies tokens by the key set that the auth service publishes. */
  tokens(): Promise<TokenVerifier> {
    this.#tokens ??= this.#openTokens();
    return this.#tokens;
  }

  stop(): Promise<void> {
    return this.#stops.stop();
  }

  async #openRegistry(): Promise<{ registry: ServiceRegistry; discovery: ServiceDiscovery }> {
    const { settings, name, clock, random, logger } = this.#options;
    const provider = await createRegistryProvider(settings.registryURL ?? settings.databaseURL, { clock, logger });
    this.#stops.use(provider);
    await provider.start();
    const cachePath = settings.dataPath === undefined ? {} : { cachePath: `${settings.dataPath}/registry-${name}.json` };
    const discovery = this.#stops.use(new ServiceDiscovery({ provider, clock, random, logger, metrics: this.metrics, ...cachePath }));
    const registry = this.#stops.use(new ServiceRegistry({ provider, clock, random, logger, leaseMs: settings.leaseMs }));
    await discovery.start();
    await registry.start();
    return { registry, discovery };
  }

  async #openTokens(): Promise<TokenVerifier> {
    const auth = await this.client('auth');
    const { settings, clock, logger } = this.#options;
    return new TokenVerifier({
      jwks: async () => (await auth.request<never>({ method: 'GET', path: '/oauth/jwks', timeoutMs: 3_000 })).body,
      issuer: settings.publicURL,
      clock,
      logger,
      metrics: this.metrics,
    });
  }

  async #openQueue(): Promise<QueueManager> {
    const { settings, clock, random, logger } = this.#options;
    const provider = await createQueueProvider(settings.queueURL ?? settings.databaseURL, { clock, random, logger });
    const manager = this.#stops.use(new QueueManager({ provider, clock, random, logger, metrics: this.metrics }));
    await manager.start();
    return manager;
  }

  async #openKeyspace(keyspace: KeyspaceRequest): Promise<ShardManager> {
    const { logger, clock } = this.#options;
    this.#shards ??= this.#openShards();
    const manager = new ShardManager({
      control: this.control,
      shards: this.#shards.databases,
      rules: this.#shards.rules,
      metrics: this.metrics,
      keyspace: keyspace.name,
      keyType: keyspace.keyType,
      logger,
      clock,
    });
    this.#stops.use(manager);
    await manager.start();
    return manager;
  }

  #openShards(): OpenShards {
    const text = this.#options.settings.shards;
    if (text === undefined) {
      throw new NoaError('CONFIG_INVALID', { message: 'database.shards: is required by this service (NOA_SHARDS)' });
    }
    const { shards, keyspaces } = loadShardConfig(text);
    return { databases: shards.map((shard) => ({ id: shard.id, database: this.#stops.use(this.#connect(shard.url)) })), rules: keyspaces };
  }

  #connect(url: string): Database {
    const { settings, name, logger, clock } = this.#options;
    return connectDatabase({ url, logger, clock, poolMax: settings.databasePoolMax, applicationName: `noa-${name}` });
  }
}
