import { NoaError, type Clock, type Logger, type Random } from '@noa/core';
import type { QueueProvider } from './providers/QueueProvider.ts';

export interface QueueProviderOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Connections for queries, >= 2; one more listens. Default 3. */
  readonly poolMax?: number;
}

/** Schemes of providers that are designed for and not in this version. */
const PLANNED = ['amqp:', 'amqps:', 'kafka:', 'redis:', 'rediss:', 'sqs:'];

/**
 * The provider for a URL, by its scheme; its client is loaded only then. Not started yet.
 * @param url - `postgres://…`.
 * @throws NoaError `QUEUE_PROVIDER_UNKNOWN` for every other scheme.
 */
export async function createQueueProvider(url: string, options: QueueProviderOptions): Promise<QueueProvider> {
  const scheme = URL.canParse(url) ? new URL(url).protocol : '';
  if (scheme === 'postgres:' || scheme === 'postgresql:') {
    const { PostgresProvider } = await import('./providers/PostgresProvider.ts');
    return new PostgresProvider({ url, ...options });
  }
  const reason = PLANNED.includes(scheme) ? 'is not in this version yet' : 'is not known';
  throw new NoaError('QUEUE_PROVIDER_UNKNOWN', {
    message: `No queue provider for ${scheme === '' ? 'this URL' : scheme}: it ${reason}; this version ships postgres:// only`,
    details: { scheme },
  });
}
