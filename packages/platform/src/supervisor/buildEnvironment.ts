import type { Environment } from '@noa/core';
import type { Secrets } from '../data/Secrets.ts';
import { PortOffset } from '../services.ts';
import type { UpOptions } from './UpOptions.ts';

/** Databases of a system, embedded or outside. */
export interface DatabaseURLs {
  readonly control: string;
  /** As `NOA_SHARDS` takes it. */
  readonly shards: string;
}

const POOL_MAX = 3;

/**
 * The environment of all programs: what this machine gives by default, then whatever the operator has set. Ports are
 * the exception: each program gets its own.
 */
export function buildEnvironment(options: { up: UpOptions; secrets: Secrets; urls: DatabaseURLs; env: Environment }): Environment {
  const { up, secrets, urls, env } = options;
  return {
    NOA_PUBLIC_URL: `http://localhost:${up.portBase}`,
    NOA_SMTP_URL: 'sink:',
    NOA_SINK_PORT: String(up.portBase + PortOffset.Sink),
    NOA_DATABASE_POOL_MAX: String(POOL_MAX),
    NOA_ENCRYPTION_KEY: secrets.encryptionKey,
    NOA_ADMIN_TOKEN: secrets.adminToken,
    NOA_AUTH_ADMIN_EMAIL: secrets.adminEmail,
    NOA_AUTH_ADMIN_PASSWORD: secrets.adminPassword,
    NOA_DATA: up.dataPath,
    ...env,
    NOA_DATABASE_URL: urls.control,
    NOA_SHARDS: urls.shards,
    NOA_GATEWAY_PORT: String(up.portBase + PortOffset.Gateway),
    NOA_GATEWAY_ADMIN_PORT: String(up.portBase + PortOffset.Admin),
  };
}
