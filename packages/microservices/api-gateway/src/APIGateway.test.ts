import assert from 'node:assert/strict';
import { test } from 'node:test';
import { echoRoute, exchangeRaw, startBed, startUpstream } from './testkit/GatewayBed.ts';

test('forwards method, path, query, fields and body, and answers with the status, fields and body of the instance', async () => {
  await using upstream = await startUpstream((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      response.writeHead(201, ['content-type', 'application/json', 'set-cookie', 'a=1', 'set-cookie', 'b=2', 'x-own', 'yes']);
      response.end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers, body }));
    });
  });
  await using bed = await startBed({ routes: [echoRoute] });
  bed.discovery.set('echo', [upstream.instance()]);
  const response = await fetch(`${bed.url}/echo/a%C3%A9/b?x=1&y=%2F`, {
    method: 'POST',
    body: 'hello',
    headers: {
      'x-mine': 'kept',
      'x-request-id': 'my-id.1',
      'x-forwarded-for': '9.9.9.9',
      forwarded: 'for=9.9.9.9',
      'x-forwarded-port': '1',
      te: 'trailers',
    },
  });
  assert.equal(response.status, 201);
  assert.equal(response.headers.get('x-own'), 'yes');
  assert.deepEqual(response.headers.getSetCookie(), ['a=1', 'b=2']);
  assert.equal(response.headers.get('x-request-id'), 'my-id.1');
  assert.match(response.headers.get('x-gateway-request-id') ?? '', /^[0-9a-f-]{36}$/);
  const seen = (await response.json()) as { method: string; url: string; body: string; headers: Record<string, string> };
  assert.equal(seen.method, 'POST');
  assert.equal(seen.url, '/echo/a%C3%A9/b?x=1&y=%2F');
  assert.equal(seen.body, 'hello');
  assert.equal(seen.headers['x-mine'], 'kept');
  assert.equal(seen.headers['x-request-id'], 'my-id.1');
  assert.equal(seen.headers['host'], `127.0.0.1:${bed.port}`);
  assert.equal(seen.headers['x-forwarded-for'], '127.0.0.1');
  assert.equal(seen.headers['x-forwarded-proto'], 'http');
  assert.equal(seen.headers['x-forwarded-host'], `127.0.0.1:${bed.port}`);
  assert.equal(seen.headers['via'], '1.1 noa');
  assert.match(seen.headers['traceparent'] ?? '', /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  assert.ok(Number(seen.headers['noa-timeout-ms']) <= 30_000);
  for (const name of ['forwarded', 'x-forwarded-port', 'te']) assert.equal(seen.headers[name], undefined, name);
});

test('answers 404, 405 with Allow and 501 as problems with ids', async () => {
  await using bed = await startBed({ routes: [{ ...echoRoute, methods: ['GET', 'PUT'] }] });
  const missing = await fetch(`${bed.url}/nowhere`);
  assert.equal(missing.status, 404);
  assert.equal(missing.headers.get('content-type'), 'application/problem+json');
  const problem = (await missing.json()) as { code: string; requestId: string };
  assert.equal(problem.code, 'ROUTE_NOT_FOUND');
  assert.equal(problem.requestId, missing.headers.get('x-request-id'));
  const wrong = await fetch(`${bed.url}/echo/x`, { method: 'DELETE' });
  assert.equal(wrong.status, 405);
  assert.equal(wrong.headers.get('allow'), 'GET, HEAD, PUT');
  assert.equal(((await wrong.json()) as { code: string }).code, 'METHOD_NOT_ALLOWED');
  const odd = await fetch(`${bed.url}/echo/x`, { method: 'PROPFIND' });
  assert.equal(odd.status, 501);
  assert.equal(((await odd.json()) as { code: string }).code, 'METHOD_NOT_IMPLEMENTED');
});

test('answers 401 with a challenge, 403 for a missing role, and passes the token on', async () => {
  await using upstream = await startUpstream((request, response) => response.end(request.headers.authorization ?? 'none'));
  await using bed = await startBed({
    routes: [
      { ...echoRoute, auth: 'required', roles: ['admin'] },
      { id: 'maybe', path: '/maybe', service: 'echo', auth: 'optional' },
    ],
  });
  bed.discovery.set('echo', [upstream.instance()]);
  const ask = (path: string, authorization?: string) => fetch(`${bed.url}${path}`, authorization === undefined ? {} : { headers: { authorization } });
  const none = await ask('/echo/x');
  assert.equal(none.status, 401);
  assert.equal(none.headers.get('www-authenticate'), 'Bearer');
  assert.equal(((await none.json()) as { code: string }).code, 'TOKEN_MISSING');
  for (const [value, code] of [
    ['Bearer expired', 'TOKEN_EXPIRED'],
    ['Bearer nonsense', 'TOKEN_INVALID'],
    ['Basic abc', 'TOKEN_INVALID'],
  ] as const) {
    const bad = await ask('/echo/x', value);
    assert.equal(bad.status, 401);
    assert.match(bad.headers.get('www-authenticate') ?? '', /^Bearer error="invalid_token", error_description="[^"]+"$/);
    assert.equal(((await bad.json()) as { code: string }).code, code);
  }
  const forbidden = await ask('/echo/x', 'Bearer user');
  assert.equal(forbidden.status, 403);
  assert.equal(((await forbidden.json()) as { code: string }).code, 'FORBIDDEN');
  const keyless = await ask('/echo/x', 'Bearer keyless');
  assert.equal(keyless.status, 503);
  assert.equal(keyless.headers.get('retry-after'), '1');
  assert.equal(await (await ask('/echo/x', 'Bearer admin')).text(), 'Bearer admin');
  assert.equal(await (await ask('/maybe')).text(), 'none');
  assert.equal((await ask('/maybe', 'Bearer expired')).status, 401);
});

test('limits per client with both families of headers, shares the default scope, and gives a route its own', async () => {
  await using upstream = await startUpstream((_request, response) => response.end('ok'));
  await using bed = await startBed({
    config: { rateLimitPerSecond: 1, rateLimitBurst: 3 },
    routes: [
      echoRoute,
      { ...echoRoute, id: 'second', path: '/second' },
      { ...echoRoute, id: 'own', path: '/own', rateLimit: { requestsPerSecond: 1, burst: 1 } },
      { ...echoRoute, id: 'free', path: '/free', rateLimit: null },
    ],
  });
  bed.discovery.set('echo', [upstream.instance()]);
  const first = await fetch(`${bed.url}/echo/1`);
  assert.equal(first.headers.get('ratelimit-policy'), '"default";q=3;w=3');
  assert.match(first.headers.get('ratelimit') ?? '', /^"default";r=2;t=1$/);
  assert.equal(first.headers.get('x-ratelimit-limit'), '3');
  assert.equal(first.headers.get('x-ratelimit-remaining'), '2');
  assert.equal(first.headers.get('x-ratelimit-reset'), '1');
  assert.equal((await fetch(`${bed.url}/second`)).status, 200);
  assert.equal((await fetch(`${bed.url}/echo/3`)).status, 200);
  const refused = await fetch(`${bed.url}/second`);
  assert.equal(refused.status, 429);
  assert.equal(refused.headers.get('retry-after'), '1');
  assert.equal(refused.headers.get('x-ratelimit-remaining'), '0');
  assert.match(refused.headers.get('ratelimit') ?? '', /^"default";r=0;t=1$/);
  assert.equal(((await refused.json()) as { code: string }).code, 'RATE_LIMITED');
  assert.equal((await fetch(`${bed.url}/own`)).status, 200);
  assert.equal((await fetch(`${bed.url}/own`)).status, 429);
  const free = await fetch(`${bed.url}/free`);
  assert.equal(free.status, 200);
  assert.equal(free.headers.get('ratelimit'), null);
  assert.equal((await fetch(`${bed.url}/health/live`)).status, 200);
});

test('believes X-Forwarded-For only from trusted proxies, and then the nearest address that is none', async () => {
  await using upstream = await startUpstream((request, response) => response.end(JSON.stringify(request.headers)));
  await using bed = await startBed({
    config: { trustedProxies: ['127.0.0.0/8', '10.0.0.0/8'], rateLimitPerSecond: 1, rateLimitBurst: 1 },
    routes: [echoRoute],
  });
  bed.discovery.set('echo', [upstream.instance()]);
  const from = (chain: string) =>
    fetch(`${bed.url}/echo/x`, { headers: { 'x-forwarded-for': chain, 'x-forwarded-proto': 'https', 'x-forwarded-host': 'api.example.org' } });
  const first = await from('6.6.6.6, 1.2.3.4, 10.0.0.1');
  const headers = (await first.json()) as Record<string, string>;
  assert.equal(headers['x-forwarded-for'], '6.6.6.6, 1.2.3.4, 10.0.0.1, 127.0.0.1');
  assert.equal(headers['x-forwarded-proto'], 'https');
  assert.equal(headers['x-forwarded-host'], 'api.example.org');
  // Whatever a client writes in front of its own address, it stays the same client.
  assert.equal((await from('7.7.7.7, 1.2.3.4, 10.0.0.1')).status, 429);
  assert.equal((await from('1.2.3.5')).status, 200);
});

test('answers preflights and marks responses for allowed origins only; without origins CORS is off', async () => {
  await using upstream = await startUpstream((_request, response) => response.end('ok'));
  await using bed = await startBed({
    config: { corsOrigins: ['https://app.example.com'] },
    routes: [{ ...echoRoute, methods: ['GET', 'POST'], auth: 'required' }],
  });
  bed.discovery.set('echo', [upstream.instance()]);
  const preflight = (origin: string) =>
    fetch(`${bed.url}/echo/x`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
    });
  const good = await preflight('https://app.example.com');
  assert.equal(good.status, 204);
  assert.equal(good.headers.get('access-control-allow-origin'), 'https://app.example.com');
  assert.equal(good.headers.get('access-control-allow-methods'), 'GET, HEAD, POST');
  assert.equal(good.headers.get('access-control-allow-headers'), 'authorization');
  assert.equal((await preflight('https://evil.example.com')).headers.get('access-control-allow-origin'), null);
  const answer = await fetch(`${bed.url}/echo/x`, { headers: { origin: 'https://app.example.com', authorization: 'Bearer user' } });
  assert.equal(answer.headers.get('access-control-allow-origin'), 'https://app.example.com');
  assert.equal(answer.headers.get('vary'), 'Origin');
  await using plain = await startBed({ routes: [{ ...echoRoute, methods: ['GET'] }] });
  assert.equal(
    (await fetch(`${plain.url}/echo/x`, { method: 'OPTIONS', headers: { origin: 'https://a.b', 'access-control-request-method': 'GET' } })).status,
    405,
  );
});

test('health answers on the public port and turns unready at the drain', async () => {
  const bed = await startBed();
  for (const path of ['/health', '/health/live', '/health/ready', '/health/startup']) {
    const response = await fetch(bed.url + path);
    assert.equal(response.status, 200, path);
    assert.equal(((await response.json()) as { status: string }).status, 'passing');
  }
  bed.gateway.drain();
  const ready = await fetch(`${bed.url}/health/ready`);
  assert.equal(ready.status, 503);
  assert.equal(((await ready.json()) as { status: string }).status, 'draining');
  assert.equal(ready.headers.get('connection'), 'close');
  assert.equal((await fetch(`${bed.url}/health/live`)).status, 200);
  await bed.gateway.stop();
  await bed.gateway.stop();
});

test('labels metrics by route id, never by path', async () => {
  await using upstream = await startUpstream((_request, response) => response.end('ok'));
  await using bed = await startBed({ routes: [echoRoute] });
  bed.discovery.set('echo', [upstream.instance()]);
  await (await fetch(`${bed.url}/echo/some-secret-path`)).text();
  await (await fetch(`${bed.url}/nowhere`)).text();
  await exchangeRaw(bed.port, 'GET / HTTP/1.1\r\n\r\n');
  const text = await bed.metrics.render();
  assert.match(text, /http_requests_total\{method="GET",route="echo",status="200"\} 1/);
  assert.match(text, /http_requests_total\{method="GET",route="none",status="404"\} 1/);
  assert.match(text, /http_requests_total\{method="none",route="refused",status="400"\} 1/);
  assert.match(text, /http_request_duration_seconds_count\{method="GET",route="echo"\} 1/);
  assert.match(text, /http_requests_in_progress 0/);
  assert.doesNotMatch(text, /some-secret-path/);
});

test('refuses more exchanges than it may hold, with 503, and still answers for its health', async () => {
  let open: (() => void) | undefined;
  await using upstream = await startUpstream((_request, response) => {
    open = () => void response.end('late');
  });
  await using bed = await startBed({ config: { exchangesMax: 1 }, routes: [echoRoute] });
  bed.discovery.set('echo', [upstream.instance()]);
  const first = fetch(`${bed.url}/echo/1`);
  while (open === undefined) await new Promise(setImmediate);
  const second = await fetch(`${bed.url}/echo/2`);
  assert.equal(second.status, 503);
  assert.equal(((await second.json()) as { code: string }).code, 'GATEWAY_OVERLOADED');
  assert.equal(second.headers.get('retry-after'), '1');
  assert.equal((await fetch(`${bed.url}/health`)).status, 200);
  open();
  assert.equal(await (await first).text(), 'late');
});
