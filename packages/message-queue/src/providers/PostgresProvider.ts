import type { QueueProviderOptions } from '../createQueueProvider.ts';
export interface PostgresProviderOptions extends QueueProviderOptions {
  readonly url: string;
}
