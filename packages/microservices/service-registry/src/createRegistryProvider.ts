import { NoaError, type Clock, type Logger } from '@noa/core';
import type { RegistryProvider } from './providers/RegistryProvider.ts';

/**
 * The provider for a URL: `postgres://…` or `static:<JSON or path>`. Not started yet.
 * @throws NoaError `REGISTRY_PROVIDER_UNKNOWN`.
 */
export async function createRegistryProvider(url: string, options: { clock: Clock; logger: Logger; poolMax?: number }): Promise<RegistryProvider> {
  if (/^postgres(ql)?:\/\//.test(url)) {
    const { PostgresProvider } = await import('./providers/PostgresProvider.ts');
    return new PostgresProvider({ url, ...options });
  }
  if (url.startsWith('static:')) {
    const { StaticProvider } = await import('./providers/StaticProvider.ts');
    return new StaticProvider(url.slice('static:'.length));
  }
  const scheme = /^[a-z0-9+.-]+:/i.exec(url)?.[0] ?? 'no scheme';
  throw new NoaError('REGISTRY_PROVIDER_UNKNOWN', {
    message: `No registry provider for ${scheme}; this version has postgres:// and static: (NOA_REGISTRY_URL)`,
  });
}
