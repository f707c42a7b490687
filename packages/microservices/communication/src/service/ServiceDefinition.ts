import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyRequest,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { Clock, ConfigFields, ConfigOf, Database, Logger, Metrics, Random, StopStack } from '@noa/core';
import type { RouteDeclaration } from '@noa/contracts';
import type { QueueManager } from '@noa/message-queue';
import type { ShardManager } from '@noa/database-sharding';
import type { ServiceClient } from '../client/index.ts';
import type { TokenVerifier } from '../tokens/index.ts';
import type { CallerCheck } from './caller.ts';
import type { SharedSettings } from './settings.ts';

/** A service's HTTP server: Fastify, with schemas in TypeBox. */
export type ServiceApp = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

/** A request as handlers outside of a route's own types see it. */
export type ServiceRequest = FastifyRequest;

/** What a service is, before it runs. */
export interface ServiceDefinition<Fields extends ConfigFields = ConfigFields> {
  /** Name in the registry, `user`. */
  readonly name: string;
  readonly version: string;
  /** Port when `NOA_PORT` is not set. */
  readonly portDefault: number;
  /** One line for the API document. */
  readonly about: string;
  /** Own settings, on top of the shared ones. */
  readonly config: Fields;
  /** What the gateway should publish. */
  readonly routes: readonly RouteDeclaration[];
  /** Wires domain and store and adds routes to `host.app`. Runs once, before the server listens. */
  create(host: ServiceHost<ConfigOf<Fields>>): Promise<void>;
}

/** A keyspace that a service keeps on the shards. */
export interface KeyspaceRequest {
  readonly name: string;
  readonly keyType: 'uuid' | 'text' | 'int8';
}

/** What the kernel hands to a service. */
export interface ServiceHost<Config = unknown> {
  readonly name: string;
  readonly config: Config;
  readonly settings: SharedSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly app: ServiceApp;
  /** The control database; each service keeps to its own schema. */
  readonly control: Database;
  /** The started manager of a keyspace. @throws NoaError `CONFIG_INVALID` when `NOA_SHARDS` is not set. */
  shards(keyspace: KeyspaceRequest): Promise<ShardManager>;
  /** The started queue manager. */
  queue(): Promise<QueueManager>;
  /** A client of another service. */
  client(service: string, options?: { token?: () => Promise<string> }): Promise<ServiceClient>;
  readonly tokens: TokenVerifier;
  /** Who calls, verified. */
  readonly callers: CallerCheck;
  /** Stopped in reverse order, after the HTTP server has drained and before engines close. */
  readonly stops: StopStack;
  /** Adds a check to /health/ready; a rejection makes the service not ready and names the check. */
  addReadiness(name: string, check: () => Promise<void>): void;
}

/** Keeps the types of a definition's own settings. */
export function defineService<const Fields extends ConfigFields>(definition: ServiceDefinition<Fields>): ServiceDefinition<Fields> {
  return definition;
}
