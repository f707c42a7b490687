import { Type } from 'typebox';
import { LOG_LEVELS, type ConfigOf } from '@noa/core';

const URLSchema = (schemes: string, description: string) => Type.String({ pattern: `^(?:${schemes})`, description });

/** Settings that every service process reads, whatever it does. */
export const sharedFields = {
  host: { path: 'server.host', env: ['NOA_HOST'], schema: Type.String({ minLength: 1 }), default: '127.0.0.1', about: 'Address to listen on.' },
  port: {
    path: 'server.port',
    env: ['NOA_PORT'],
    schema: Type.Integer({ minimum: 0, maximum: 65_535 }),
    optional: true,
    about: 'Port to listen on; 0 takes a free one. Default: the port of the service.',
  },
  advertiseHost: {
    path: 'server.advertiseHost',
    env: ['NOA_ADVERTISE_HOST'],
    schema: Type.String({ minLength: 1 }),
    optional: true,
    about: 'Address under which others reach this process. Default: the listening address.',
  },
  databaseURL: {
    path: 'database.url',
    env: ['NOA_DATABASE_URL', 'DATABASE_URL', 'POSTGRES_URL'],
    schema: URLSchema('postgres://|postgresql://', 'a postgres:// URL'),
    secret: true,
    about: 'The control database: registry, queue, shard map, accounts, templates.',
  },
  databasePoolMax: {
    path: 'database.poolMax',
    env: ['NOA_DATABASE_POOL_MAX', 'DB_POOL_MAX'],
    schema: Type.Integer({ minimum: 1, maximum: 1_000 }),
    default: 4,
    about: 'Connections of this process to the control database, and to each shard.',
  },
  shards: {
    path: 'database.shards',
    env: ['NOA_SHARDS'],
    schema: Type.String({ minLength: 1 }),
    optional: true,
    secret: true,
    about: 'Shards: postgres:// URLs separated by commas, or the path of a shard file.',
  },
  queueURL: {
    path: 'queue.url',
    env: ['NOA_QUEUE_URL'],
    schema: URLSchema('[a-z]+://', 'a URL such as postgres://…'),
    optional: true,
    secret: true,
    about: 'Queue engine. Default: the control database.',
  },
  registryURL: {
    path: 'registry.url',
    env: ['NOA_REGISTRY_URL'],
    schema: URLSchema('[a-z]+:', 'a URL such as postgres://… or static:…'),
    optional: true,
    secret: true,
    about: 'Service registry. Default: the control database.',
  },
  publicURL: {
    path: 'publicURL',
    env: ['NOA_PUBLIC_URL'],
    schema: URLSchema('https?://', 'an http:// or https:// URL'),
    default: 'http://localhost:3000',
    about: 'Where clients reach the gateway; also the issuer of tokens.',
  },
  logLevel: {
    path: 'log.level',
    env: ['NOA_LOG_LEVEL', 'LOG_LEVEL'],
    schema: Type.Union(LOG_LEVELS.map((level) => Type.Literal(level))),
    default: 'info',
    about: 'Least severe level that is logged.',
  },
  encryptionKey: {
    path: 'encryptionKey',
    env: ['NOA_ENCRYPTION_KEY', 'ENCRYPTION_KEY'],
    schema: Type.String({ pattern: '^[A-Za-z0-9+/]{43}=$', description: '32 bytes in base64' }),
    optional: true,
    secret: true,
    about: 'Seals secrets at rest: signing keys, cursors, stored responses.',
  },
  dataPath: {
    path: 'dataPath',
    env: ['NOA_DATA'],
    schema: Type.String({ minLength: 1 }),
    optional: true,
    about: 'Folder for what a process may keep between starts, such as the last list of instances.',
  },
  instanceId: {
    path: 'instance.id',
    env: ['NOA_INSTANCE_ID'],
    schema: Type.String({ pattern: '^[a-zA-Z0-9._-]{1,100}$' }),
    optional: true,
    about: 'Name of this process in the registry. Default: service and random suffix.',
  },
  zone: {
    path: 'instance.zone',
    env: ['NOA_ZONE'],
    schema: Type.String({ pattern: '^[a-zA-Z0-9._-]{1,63}$' }),
    optional: true,
    about: 'Zone of this process, for zone-aware balancing.',
  },
  leaseMs: {
    path: 'registry.leaseMs',
    env: ['NOA_REGISTRY_LEASE_MS'],
    schema: Type.Integer({ minimum: 1_000, maximum: 600_000 }),
    default: 9_000,
    about: 'How long the registry believes in a silent process.',
  },
  drainMs: {
    path: 'server.drainMs',
    env: ['NOA_DRAIN_MS'],
    schema: Type.Integer({ minimum: 0, maximum: 600_000 }),
    default: 10_000,
    about: 'How long requests in progress may take to end at stop.',
  },
} as const;

export type SharedSettings = ConfigOf<typeof sharedFields>;
