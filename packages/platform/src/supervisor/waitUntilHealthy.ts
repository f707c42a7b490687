import { NoaError, type Clock } from '@noa/core';
import { SERVICES } from '../services.ts';

/** After all programs said "ready": how long the gateway may take to see every service. */
const HEALTHY_MS_MAX = 20_000;
const POLL_MS = 25;

/**
 * Resolves when a request from outside would work: the gateway is ready and can reach each service's readiness
 * through the instance it found in the registry.
 * @throws NoaError `NOT_HEALTHY` naming what is missing.
 */
export async function waitUntilHealthy(options: { gateway: string; admin: string; adminToken: string; clock: Clock }): Promise<void> {
  const { gateway, admin, adminToken, clock } = options;
  const untilMs = clock.monotonicMs() + HEALTHY_MS_MAX;
  for (;;) {
    const missing = await missingParts(gateway, admin, adminToken);
    if (missing.length === 0) return;
    if (clock.monotonicMs() > untilMs) {
      throw new NoaError('NOT_HEALTHY', {
        message: `Not healthy after ${HEALTHY_MS_MAX / 1_000} s: ${missing.join(', ')}; see ./noa logs`,
        retryable: true,
      });
    }
    await clock.sleep(POLL_MS);
  }
}

async function missingParts(gateway: string, admin: string, adminToken: string): Promise<string[]> {
  const missing: string[] = [];
  if (!(await answers(`${gateway}/health/ready`))) missing.push('gateway');
  const response = await fetch(`${admin}/admin/upstreams`, { headers: { authorization: `Bearer ${adminToken}` } }).catch(() => undefined);
  const upstreams = response?.ok ? ((await response.json()) as UpstreamsAnswer).items : [];
  const ready = await Promise.all(
    SERVICES.map(async ({ name }) => {
      const instance = upstreams.find((upstream) => upstream.service === name);
      return instance !== undefined && (await answers(`http://${instance.host}:${instance.port}/health/ready`));
    }),
  );
  SERVICES.forEach(({ name }, index) => {
    if (!ready[index]) missing.push(name);
  });
  return missing;
}

interface UpstreamsAnswer {
  readonly items: readonly { readonly service: string; readonly host: string; readonly port: number }[];
}

async function answers(url: string): Promise<boolean> {
  const response = await fetch(url).catch(() => undefined);
  await response?.body?.cancel();
  return response?.ok ?? false;
}
