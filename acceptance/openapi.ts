import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { randomBelow, systemRandom } from '@noa/core';
import { SeededRandom } from '@noa/testing';
import { call, login, register } from './client.ts';
import { fuzz } from './fuzz/fuzz.ts';
import type { OpenAPIDocument, Operation } from './fuzz/openapi.ts';
import type { AcceptanceSystem, PartOf, UpAnswer } from './harness.ts';

/** Ending the caller's own session or account would turn the rest of the run into 401s. */
const ENDS_THE_CALLER = (operation: Operation): boolean =>
  (operation.method === 'DELETE' && operation.path === '/api/users/me') || operation.path === '/api/auth/logout';

/** Every public route against requests made up from its own OpenAPI document, through the gateway. */
export function openAPITests(system: () => AcceptanceSystem): void {
  test('each service publishes an OpenAPI 3.1 document with a response for every operation', async () => {
    for (const { name, document } of await documents(system())) {
      assert.match(document.openapi, /^3\.1\./, name);
      assert.ok(Object.keys(document.paths).length > 0, `${name} has no paths`);
      for (const [path, item] of Object.entries(document.paths)) {
        for (const [method, operation] of Object.entries(item)) {
          assert.ok(Object.keys(operation.responses ?? {}).length > 0, `${name}: ${method} ${path} has no response`);
        }
      }
    }
  });

  for (const who of ['nobody', 'an ordinary person', 'the administrator'] as const) {
    test(`bad requests of ${who} are refused as problems, never with a 5xx or our insides`, async (t) => {
      const { at } = system();
      const token = await tokenOf(who, at);
      await withoutRateLimits(at, async () => {
        for (const { name, document } of await documents(system()))
          await fuzzOne(t, at, { name, document, ...(token === undefined ? {} : { token }) });
      });
      assert.equal((await system().status()).isHealthy, true, 'the system is healthy afterwards');
    });
  }
}

async function documents(system: AcceptanceSystem): Promise<{ name: string; document: OpenAPIDocument }[]> {
  const { parts } = await system.status();
  const services = parts.filter((part): part is PartOf & { port: number } => part.kind === 'service' && part.port !== undefined);
  assert.ok(services.length > 0, 'status names no service');
  return Promise.all(
    services.map(async ({ name, port }) => {
      const { status, body, text } = await call<OpenAPIDocument>(`http://127.0.0.1:${port}`, 'GET', '/openapi.json');
      assert.equal(status, 200, `${name}: ${text.slice(0, 200)}`);
      return { name, document: body };
    }),
  );
}

async function tokenOf(who: string, { gateway, adminEmail, adminPassword }: UpAnswer): Promise<string | undefined> {
  if (who === 'nobody') return undefined;
  const person = who === 'the administrator' ? { email: adminEmail, password: adminPassword } : await register(gateway);
  return (await login(gateway, person)).accessToken;
}

async function fuzzOne(t: TestContext, at: UpAnswer, what: { name: string; document: OpenAPIDocument; token?: string }): Promise<void> {
  const seed = Number(process.env['FUZZ_SEED'] ?? randomBelow(systemRandom, 2 ** 31));
  const report = await fuzz({ ...what, base: at.gateway, random: new SeededRandom(seed), skip: ENDS_THE_CALLER });
  const statuses = Object.entries(report.statuses).map(([status, count]) => `${status}×${count}`);
  t.diagnostic(`${what.name}: ${report.requests} requests to ${report.operations} operations, ${statuses.join(' ')}, FUZZ_SEED=${seed}`);
  assert.equal(report.complaints.length, 0, `${what.name}, FUZZ_SEED=${seed}:\n${report.complaints.join('\n')}`);
  // Refusals by the limiter would prove nothing about what stands behind it.
  assert.ok((report.statuses['429'] ?? 0) < report.requests / 10, `${what.name}: too many 429: ${statuses.join(' ')}`);
}

/** Overrides the limits of single routes for the time of `body`; the default one is lifted by the environment. */
async function withoutRateLimits(at: UpAnswer, body: () => Promise<void>): Promise<void> {
  const { admin, adminToken: token } = at;
  const listed = await call<{ items: { source: string; route: { id: string; rateLimit?: unknown } }[] }>(admin, 'GET', '/admin/routes', { token });
  const limited = listed.body.items.map(({ route }) => route).filter((route) => route.rateLimit !== undefined && route.rateLimit !== null);
  for (const { id, ...route } of limited) {
    const put = await call(admin, 'PUT', `/admin/routes/${id}`, { token, body: { ...route, rateLimit: null } });
    assert.equal(put.status, 200, put.text);
  }
  try {
    await body();
  } finally {
    for (const { id } of limited) await call(admin, 'DELETE', `/admin/routes/${id}`, { token });
  }
}
