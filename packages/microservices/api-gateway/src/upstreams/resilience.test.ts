import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitFor } from '@noa/testing';
import { closedPort, echoRoute, instanceAt, startBed, startUpstream } from '../testkit/GatewayBed.ts';

const codeOf = async (response: Response): Promise<string> => ((await response.json()) as { code: string }).code;

test('a refused connection is tried at another instance, for a POST with a body too', async () => {
  const bodies: string[] = [];
  await using upstream = await startUpstream((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      bodies.push(body);
      response.end('ok');
    });
  });
  await using bed = await startBed({ routes: [echoRoute] });
  bed.discovery.set('echo', [instanceAt(await closedPort()), instanceAt(await closedPort()), upstream.instance()]);
  for (let i = 0; i < 20; i += 1) {
    const response = await fetch(`${bed.url}/echo/${i}`, { method: 'POST', body: `body ${i}` });
    assert.equal(response.status, 200);
  }
  assert.deepEqual(
    bodies,
    Array.from({ length: 20 }, (_item, i) => `body ${i}`),
  );
});

test('an instance that dies under requests costs an idempotent one nothing and is never sent a POST twice', async () => {
  let seen = 0;
  await using dying = await startUpstream((request) => {
    seen += 1;
    request.socket.destroy();
  });
  await using healthy = await startUpstream((_request, response) => {
    seen += 1;
    response.end('ok');
  });
  await using bed = await startBed({ routes: [echoRoute] });
  bed.discovery.set('echo', [dying.instance(), healthy.instance()]);
  for (let i = 0; i < 20; i += 1) assert.equal((await fetch(`${bed.url}/echo/${i}`)).status, 200);
  bed.discovery.set('echo', [dying.instance({ id: 'fresh' })]);
  seen = 0;
  const post = await fetch(`${bed.url}/echo/x`, { method: 'POST', body: 'once' });
  assert.equal(post.status, 502);
  assert.equal(post.headers.get('retry-after'), '1');
  assert.equal(await codeOf(post), 'UPSTREAM_FAILED');
  assert.equal(seen, 1);
});

test('a request finds the instance that is back at once, or the new one that the registry names, and waits for neither in vain', async () => {
  const port = await closedPort();
  await using bed = await startBed({
    config: { instanceWaitMs: 5_000 },
    routes: [echoRoute, { ...echoRoute, id: 'other', path: '/other', service: 'other' }],
  });
  bed.discovery.set('echo', [instanceAt(port)]);
  const waiting = fetch(`${bed.url}/echo/x`, { method: 'POST', body: 'unsent' });
  await waitFor(async () => /gateway_upstream_failures_total\{service="echo",kind="connect"\} [1-9]/.test(await bed.metrics.render()));
  await using restarted = await startUpstream((_request, response) => response.end('back'), port);
  assert.equal(await (await waiting).text(), 'back');
  const early = fetch(`${bed.url}/other`);
  await waitFor(() => bed.engine.activity.exchanges === 1);
  bed.discovery.set('other', [restarted.instance({ id: 'new', service: 'other' })]);
  assert.equal(await (await early).text(), 'back');
});

test('a service that stays away is answered for with 503: after the wait first, then at once', async () => {
  await using bed = await startBed({ config: { instanceWaitMs: 200 }, routes: [echoRoute] });
  bed.discovery.set('echo', [instanceAt(await closedPort())]);
  const first = await fetch(`${bed.url}/echo/x`);
  assert.equal(first.status, 503);
  assert.equal(first.headers.get('retry-after'), '1');
  assert.equal(await codeOf(first), 'UPSTREAM_UNAVAILABLE');
  const others = await Promise.all(Array.from({ length: 20 }, () => fetch(`${bed.url}/echo/x`)));
  assert.ok(others.every((response) => response.status === 503));
});

test('a breaker opens for the one instance that fails and leaves the others alone', async () => {
  let bad = 0;
  await using failing = await startUpstream((_request, response) => {
    bad += 1;
    response.writeHead(503).end();
  });
  await using healthy = await startUpstream((_request, response) => response.end('ok'));
  await using bed = await startBed({ routes: [echoRoute] });
  bed.discovery.set('echo', [failing.instance()]);
  for (let i = 0; i < 5; i += 1) assert.equal((await fetch(`${bed.url}/echo/${i}`)).status, 503);
  assert.equal(bad, 5);
  bed.discovery.set('echo', [failing.instance(), healthy.instance()]);
  for (let i = 0; i < 10; i += 1) assert.equal((await fetch(`${bed.url}/echo/${i}`)).status, 200);
  assert.ok(bad <= 6, 'the open breaker lets a probe through each second, no more');
  const states = bed.gateway.upstreams().map((upstream) => upstream.breaker);
  assert.notEqual(states[0], 'closed');
  assert.equal(states[1], 'closed');
  assert.match(await bed.metrics.render(), /gateway_breakers_open\{service="echo"\} 1/);
});

test('a 503 is tried at another instance for a GET, not for a POST, and not against a Retry-After', async () => {
  let retryAfter: string | undefined;
  await using busy = await startUpstream((_request, response) =>
    response.writeHead(503, retryAfter === undefined ? {} : { 'retry-after': retryAfter }).end('busy'),
  );
  await using healthy = await startUpstream((_request, response) => response.end('ok'));
  await using bed = await startBed({ routes: [echoRoute] });
  // Both in one order each time: the balancer's choice decides only which is first, so ask until the busy one was.
  const ask = async (method: string): Promise<Set<number>> => {
    const statuses = new Set<number>();
    for (let i = 0; i < 12; i += 1) {
      bed.discovery.set('echo', [
        busy.instance({ id: `busy-${method}-${i}-${retryAfter ?? ''}` }),
        healthy.instance({ id: `good-${method}-${i}-${retryAfter ?? ''}` }),
      ]);
      statuses.add((await fetch(`${bed.url}/echo/x`, { method })).status);
    }
    return statuses;
  };
  assert.deepEqual([...(await ask('GET'))], [200]);
  assert.ok((await ask('POST')).has(503));
  retryAfter = '7';
  assert.ok((await ask('GET')).has(503));
});

test('the deadline is the smaller of the route and the caller, reaches the instance, and ends in 504', async () => {
  const left: number[] = [];
  await using upstream = await startUpstream((request) => void left.push(Number(request.headers['noa-timeout-ms'])));
  await using bed = await startBed({
    routes: [
      { ...echoRoute, timeoutMs: 60 },
      { ...echoRoute, id: 'long', path: '/long', timeoutMs: 60_000 },
    ],
  });
  bed.discovery.set('echo', [upstream.instance()]);
  const late = await fetch(`${bed.url}/echo/x`);
  assert.equal(late.status, 504);
  assert.equal(late.headers.get('retry-after'), '1');
  assert.equal(await codeOf(late), 'UPSTREAM_TIMEOUT');
  assert.equal((await fetch(`${bed.url}/long`, { headers: { 'noa-timeout-ms': '50' } })).status, 504);
  assert.equal((await fetch(`${bed.url}/long`, { headers: { 'noa-timeout-ms': '0' } })).status, 504);
  assert.equal(left.length, 2);
  assert.ok(left.every((ms) => ms <= 60));
  assert.equal(bed.gateway.upstreams()[0]?.breaker, 'closed', 'a short wish of a client does not speak against the instance');
});

test('a connection that the instance closed while it idled is not a failure', async () => {
  await using upstream = await startUpstream((_request, response) => response.end('ok'));
  await using bed = await startBed({ routes: [echoRoute] });
  bed.discovery.set('echo', [upstream.instance()]);
  for (let i = 0; i < 50; i += 1) {
    const asked = fetch(`${bed.url}/echo/${i}`);
    if (i % 2 === 1) upstream.server.closeIdleConnections();
    assert.equal((await asked).status, 200);
  }
});

test('an instance that comes back at its address after its breaker opened is found within the wait', async () => {
  const port = await closedPort();
  await using bed = await startBed({ config: { instanceWaitMs: 10_000 }, routes: [echoRoute] });
  bed.discovery.set('echo', [instanceAt(port)]);
  const waiting = Promise.all(Array.from({ length: 30 }, (_item, i) => fetch(`${bed.url}/echo/${i}`, { method: i % 2 === 0 ? 'GET' : 'POST' })));
  await waitFor(() => bed.gateway.upstreams()[0]?.breaker === 'open');
  await using _restarted = await startUpstream((_request, response) => response.end('back'), port);
  assert.ok((await waiting).every((response) => response.status === 200));
  assert.equal(bed.gateway.upstreams()[0]?.breaker, 'closed');
});

test('a service killed and started again under load, with a new id and port, costs no idempotent request and no unsent one', async () => {
  const listener = (_request: unknown, response: { end(text: string): unknown }): unknown => response.end('ok');
  let upstream = await startUpstream(listener as never);
  await using bed = await startBed({ routes: [echoRoute] });
  bed.discovery.set('echo', [upstream.instance({ id: 'gen-0' })]);
  let isLoading = true;
  let answered = 0;
  const failures: number[] = [];
  const client = async (): Promise<void> => {
    while (isLoading) {
      const response = await fetch(`${bed.url}/echo/x`);
      await response.text();
      answered += 1;
      if (response.status !== 200) failures.push(response.status);
    }
  };
  const clients = Promise.all(Array.from({ length: 8 }, client));
  for (let generation = 1; generation <= 5; generation += 1) {
    const before = answered;
    await waitFor(() => answered > before + 50);
    const dead = upstream.instance({ id: `gen-${generation - 1}` });
    await upstream.stop();
    upstream = await startUpstream(listener as never);
    // The registry still names the dead one beside the new one, as it does until the lease ends.
    bed.discovery.set('echo', [dead, upstream.instance({ id: `gen-${generation}` })]);
  }
  isLoading = false;
  await clients;
  await upstream.stop();
  assert.deepEqual(failures, []);
});
