import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMetrics, isNoaError } from '@noa/core';
import type { RouteDeclaration } from '@noa/contracts';
import { LogRecorder } from '@noa/testing';
import { RouteRegistry, ROUTES_MAX } from './RouteRegistry.ts';
import { echoRoute, instanceAt, startBed, startUpstream } from './testkit/GatewayBed.ts';

function setup() {
  const logger = new LogRecorder();
  const metrics = createMetrics();
  return { logger, metrics, routes: new RouteRegistry({ logger, metrics }) };
}
const ids = (routes: RouteRegistry): string[] => routes.list().map((route) => route.id);
const users: RouteDeclaration = { id: 'user.byId', path: '/api/users/{id}', methods: ['GET'], service: 'user', auth: 'required' };

test('takes the rules of instances and skips invalid, foreign and conflicting ones, logged and counted', async () => {
  const { routes, logger, metrics } = setup();
  routes.put({ ...users, id: 'taken' }, 'admin');
  const declared = [
    users,
    { ...users, id: 'ok', path: '/api/users' },
    { ...users, id: 'no-path', path: 'api' },
    { ...users, id: 'extra', path: '/x', colour: 'red' },
    { ...users, id: 'foreign', path: '/y', service: 'auth' },
    { ...users, id: 'reserved', path: '/health/ready' },
    'nonsense',
  ] as RouteDeclaration[];
  routes.syncService('user', [instanceAt(1, { service: 'user', routes: declared })]);
  assert.deepEqual(ids(routes), ['ok', 'taken']);
  assert.equal(logger.entries.filter((item) => item.message === 'a route was refused').length, 6);
  const text = await metrics.render();
  assert.match(text, /gateway_routes_rejected_total\{reason="ROUTE_INVALID"\} 5/);
  assert.match(text, /gateway_routes_rejected_total\{reason="ROUTE_CONFLICT"\} 1/);
});

test('refuses a second rule for one path, method and host and names the first; the same id replaces', () => {
  const { routes } = setup();
  routes.put(users, 'admin');
  assert.throws(
    () => routes.put({ ...users, id: 'b', path: '/api/users/{name}' }, 'admin'),
    (error) => isNoaError(error, 'ROUTE_CONFLICT') && error.httpStatus === 409 && error.message.includes('user.byId'),
  );
  routes.put({ ...users, path: '/api/people/{id}' }, 'admin');
  assert.equal(routes.find('GET', '', ['api', 'users', '1']).kind, 'none');
  assert.equal(routes.find('GET', 'a.example:3000', ['api', 'people', '1']).kind, 'found');
});

test('rules stay when the last instance goes, follow the newest version, and go when an instance stops declaring them', () => {
  const { routes } = setup();
  const at = (id: string, version: string, ...declared: RouteDeclaration[]) => instanceAt(1, { id, version, service: 'user', routes: declared });
  routes.syncService('user', [at('a', '1.9.0', users)]);
  routes.syncService('user', []);
  assert.deepEqual(ids(routes), ['user.byId']);
  const next = { ...users, id: 'user.next', path: '/api/users/{id}/next' };
  routes.syncService('user', [at('a', '1.9.0', users), at('b', '1.10.0', next)]);
  assert.deepEqual(ids(routes), ['user.next']);
});

test('another service cannot take over a rule by its id', () => {
  const { routes } = setup();
  routes.syncService('user', [instanceAt(1, { service: 'user', routes: [users] })]);
  routes.syncService('evil', [instanceAt(2, { service: 'evil', routes: [{ ...users, service: 'evil', path: '/mine' }] })]);
  assert.equal(routes.get('user.byId')?.declaration.service, 'user');
});

test('explains the winner and each loser with its reason', () => {
  const { routes } = setup();
  const put = (id: string, path: string, more: Partial<RouteDeclaration> = {}) =>
    routes.put({ id, path, service: 's', auth: 'none', ...more }, 'admin');
  put('literal', '/a/b', { methods: ['POST'] });
  put('param', '/a/{x}');
  put('rest', '/a/*');
  put('host', '/a/b', { host: 'x.example' });
  put('elsewhere', '/z');
  const explanation = routes.explain('GET', 'y.example:80', ['a', 'b']);
  assert.equal(explanation.outcome, 'route');
  assert.equal(explanation.route?.id, 'param');
  assert.deepEqual(Object.fromEntries(explanation.losers.map((loser) => [loser.id, loser.reason])), {
    host: 'host: only for x.example',
    literal: 'method: takes POST',
    rest: 'precedence: the path of param is more exact',
  });
  assert.deepEqual(
    routes.explain('GET', 'x.example', ['a', 'b']).losers.find((loser) => loser.id === 'param')?.reason,
    'precedence: host is for this host',
  );
  assert.equal(routes.explain('GET', '', ['nowhere']).outcome, 'none');
});

test('holds a bounded number of rules', () => {
  const { routes } = setup();
  for (let i = 0; i < ROUTES_MAX; i += 1) routes.put({ ...users, id: `r${i}`, path: `/r/${i % 100}/${i}` }, 'admin');
  assert.throws(
    () => routes.put({ ...users, id: 'one-more', path: '/more' }, 'admin'),
    (error) => isNoaError(error, 'ROUTE_LIMIT'),
  );
  assert.doesNotThrow(() => routes.put({ ...users, id: 'r1', path: '/changed' }, 'admin'));
});

test('rules come, change and go under traffic without one failed request', async () => {
  await using upstream = await startUpstream((_request, response) => response.end('ok'));
  await using bed = await startBed({ routes: [echoRoute] });
  bed.discovery.set('echo', [upstream.instance()]);
  let isChanging = true;
  const statuses: Record<number, number> = {};
  const client = async (): Promise<void> => {
    for (let i = 0; isChanging; i += 1) {
      const response = await fetch(`${bed.url}/echo/${i}`);
      await response.text();
      statuses[response.status] = (statuses[response.status] ?? 0) + 1;
    }
  };
  const clients = Promise.all(Array.from({ length: 8 }, client));
  for (let i = 0; i < 300; i += 1) {
    await bed.gateway.putRoute({ ...echoRoute, timeoutMs: 10_000 + i });
    await bed.gateway.putRoute({ ...echoRoute, id: `more-${i % 20}`, path: `/more/${i % 20}/{x}` });
    if (i >= 20) await bed.gateway.removeRoute(`more-${(i + 1) % 20}`);
    bed.discovery.set('echo', [upstream.instance({ routes: [{ ...echoRoute, id: 'declared', path: `/declared/${i}` }] })]);
    await new Promise(setImmediate);
  }
  isChanging = false;
  await clients;
  assert.deepEqual(Object.keys(statuses), ['200']);
  assert.equal(bed.gateway.routes().find((route) => route.id === 'declared')?.declaration.path, '/declared/299');
});
