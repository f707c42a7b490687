import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connectDatabase, isNoaError, NoaError, silentLogger, systemClock } from '@noa/core';
import { createTestDatabase, waitFor, type TestDatabase } from '@noa/testing';
import { echoRoute, startBed } from '../testkit/GatewayBed.ts';
import { PostgresRouteStore } from './PostgresRouteStore.ts';

let db: TestDatabase;
before(async () => {
  db = await createTestDatabase();
});
after(() => db.drop());

async function openStore(): Promise<PostgresRouteStore> {
  const store = new PostgresRouteStore({ database: db.database });
  await store.start();
  return store;
}

test('keeps rules in the order they came, replaces by id, and says whether there was one to remove', async () => {
  const store = await openStore();
  await store.save({ ...echoRoute, id: 'b', path: '/b' });
  await store.save({ ...echoRoute, id: 'a', path: '/a' });
  await store.save({ ...echoRoute, id: 'b', path: '/b2' });
  assert.deepEqual(
    (await store.load()).map((route) => [route.id, route.path]),
    [
      ['b', '/b2'],
      ['a', '/a'],
    ],
  );
  assert.equal(await store.remove('a'), true);
  assert.equal(await store.remove('a'), false);
  await store.remove('b');
  await store.stop();
});

test('a rule put at one gateway is in force at the other, survives a restart, and goes everywhere', async () => {
  const first = await startBed({ routeStore: await openStore() });
  const second = await startBed({ routeStore: await openStore() });
  await first.gateway.putRoute(echoRoute);
  await waitFor(() => second.gateway.routes().some((route) => route.id === 'echo'));
  await second.gateway.stop();
  const third = await startBed({ routeStore: await openStore() });
  await waitFor(() => third.gateway.routes().length === 1);
  await third.gateway.removeRoute('echo');
  await waitFor(() => first.gateway.routes().length === 0);
  await first.gateway.stop();
  await third.gateway.stop();
});

test('of two conflicting rules that two gateways took at one moment the older is in force at both', async () => {
  const store = await openStore();
  await store.save({ ...echoRoute, id: 'older' });
  await store.save({ ...echoRoute, id: 'newer' });
  for (let i = 0; i < 2; i += 1) {
    await using bed = await startBed({ routeStore: await openStore() });
    await waitFor(() => bed.gateway.routes().length === 1);
    assert.equal(bed.gateway.routes()[0]?.id, 'older');
  }
  await store.remove('older');
  await store.remove('newer');
});

test('a store that is away keeps neither the gateway from starting nor its rules from working; a change is refused and undone', async () => {
  const database = connectDatabase({ url: 'postgres://nobody:x@127.0.0.1:1/none', logger: silentLogger, clock: systemClock });
  const bed = await startBed({ routeStore: new PostgresRouteStore({ database }) });
  assert.equal((await fetch(`${bed.url}/health/ready`)).status, 200);
  await assert.rejects(bed.gateway.putRoute(echoRoute), (error) => isNoaError(error, 'DATABASE_UNAVAILABLE') && error instanceof NoaError);
  assert.deepEqual(bed.gateway.routes(), []);
  await bed.gateway.stop();
  await database.stop();
});
