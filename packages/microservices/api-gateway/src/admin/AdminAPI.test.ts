import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig, silentLogger, systemClock, systemRandom } from '@noa/core';
import { gatewayConfig } from '../config.ts';
import { echoRoute, startBed, startUpstream } from '../testkit/GatewayBed.ts';
import { AdminAPI } from './AdminAPI.ts';

const TOKEN = 'an-admin-token-for-tests';

async function setup() {
  const bed = await startBed();
  const config = { ...loadConfig(gatewayConfig, { NOA_ADMIN_TOKEN: TOKEN }), adminPort: 0 };
  const admin = new AdminAPI({ gateway: bed.gateway, config, clock: systemClock, random: systemRandom, logger: silentLogger, metrics: bed.metrics });
  await admin.start();
  const url = `http://127.0.0.1:${admin.address?.port}`;
  const call = async (method: string, path: string, body?: unknown, token = TOKEN) => {
    const response = await fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, text, json: text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {} };
  };
  return {
    bed,
    url,
    call,
    [Symbol.asyncDispose]: async () => {
      await admin.stop();
      await bed.gateway.stop();
    },
  };
}

test('only the bearer token opens /admin, health and metrics need none', async () => {
  await using admin = await setup();
  const bare = await fetch(`${admin.url}/admin/routes`);
  assert.equal(bare.status, 401);
  assert.equal(((await bare.json()) as { code: string }).code, 'ADMIN_TOKEN_INVALID');
  assert.equal((await admin.call('GET', '/admin/routes', undefined, `${TOKEN}x`)).status, 401);
  assert.equal((await admin.call('POST', '/admin/drain', undefined, 'wrong')).status, 401);
  assert.equal((await admin.call('GET', '/admin/routes')).status, 200);
  assert.equal((await fetch(`${admin.url}/health/ready`)).status, 200);
  assert.match(await (await fetch(`${admin.url}/metrics`)).text(), /gateway_routes 0/);
});

test('a rule made here works at once, is listed, explained, changed and gone', async () => {
  await using upstream = await startUpstream((_request, response) => response.end('ok'));
  await using admin = await setup();
  admin.bed.discovery.set('echo', [upstream.instance()]);
  const { id, ...declaration } = echoRoute;
  assert.equal((await fetch(`${admin.bed.url}/echo/x`)).status, 404);
  assert.equal((await admin.call('PUT', `/admin/routes/${id}`, declaration)).status, 200);
  assert.equal((await fetch(`${admin.bed.url}/echo/x`)).status, 200);
  assert.deepEqual((await admin.call('GET', '/admin/routes')).json['items'], [{ source: 'admin', route: echoRoute }]);
  assert.deepEqual((await admin.call('GET', `/admin/routes/${id}`)).json['route'], echoRoute);
  const explained = await admin.call('GET', '/admin/explain?method=GET&path=/echo/x&host=a.example');
  assert.deepEqual(explained.json, { version: 1, outcome: 'route', route: { ...echoRoute, source: 'admin' }, losers: [] });
  assert.equal((await admin.call('GET', `/admin/explain?method=GET&path=${encodeURIComponent('/a/%2e%2e')}`)).json['outcome'], 'refused');
  const clash = await admin.call('PUT', '/admin/routes/second', declaration);
  assert.equal(clash.status, 409);
  assert.equal(clash.json['code'], 'ROUTE_CONFLICT');
  const bad = await admin.call('PUT', '/admin/routes/second', { ...declaration, path: '/a/{' });
  assert.equal(bad.status, 400);
  assert.equal(bad.json['code'], 'ROUTE_INVALID');
  assert.equal((await admin.call('PUT', '/admin/routes/second', { ...declaration, path: 7 })).status, 400);
  assert.equal((await admin.call('DELETE', `/admin/routes/${id}`)).status, 204);
  assert.equal((await admin.call('DELETE', `/admin/routes/${id}`)).status, 404);
  assert.equal((await admin.call('GET', `/admin/routes/${id}`)).status, 404);
  assert.equal((await fetch(`${admin.bed.url}/echo/x`)).status, 404);
});

test('a rule made here stands in for the one of a service and gives way to it again', async () => {
  await using upstream = await startUpstream((_request, response) => response.end('ok'));
  await using admin = await setup();
  admin.bed.discovery.set('echo', [upstream.instance({ routes: [echoRoute] })]);
  const { id, ...declaration } = echoRoute;
  await admin.call('PUT', `/admin/routes/${id}`, { ...declaration, auth: 'required' });
  assert.equal((await fetch(`${admin.bed.url}/echo/x`)).status, 401);
  await admin.call('DELETE', `/admin/routes/${id}`);
  assert.equal((await fetch(`${admin.bed.url}/echo/x`)).status, 200);
  assert.equal((await admin.call('DELETE', `/admin/routes/${id}`)).status, 404, 'what a service declares is not deleted here');
});

test('shows upstreams with their breakers, and drains', async () => {
  await using upstream = await startUpstream((_request, response) => response.end('ok'));
  await using admin = await setup();
  admin.bed.discovery.set('echo', [upstream.instance()]);
  const items = (await admin.call('GET', '/admin/upstreams')).json['items'] as {
    id: string;
    breaker: string;
    inFlight: number;
    isEjected: boolean;
  }[];
  assert.equal(items.length, 1);
  assert.deepEqual(
    { ...items[0], latencyMs: 0 },
    {
      service: 'echo',
      id: `echo-${upstream.port}`,
      host: '127.0.0.1',
      port: upstream.port,
      version: '1.0.0',
      status: 'passing',
      breaker: 'closed',
      inFlight: 0,
      isEjected: false,
      latencyMs: 0,
    },
  );
  assert.equal((await admin.call('POST', '/admin/drain')).status, 202);
  assert.equal((await fetch(`${admin.bed.url}/health/ready`)).status, 503);
  assert.equal((await fetch(`${admin.bed.url}/health/live`)).status, 200);
});
