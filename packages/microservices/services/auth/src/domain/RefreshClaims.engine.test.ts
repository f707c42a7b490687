import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { systemRandom } from '@noa/core';
import { createTestDatabase, SimulatedClock, waitFor, type TestDatabase } from '@noa/testing';
import { ClaimStore } from '../store/ClaimStore.ts';
import { createAuthTables, ENCRYPTION_KEY, GRACE_MS } from '../testing/setupDomain.ts';
import { CLAIM_MS_MAX, RefreshClaims, type TokenEndpointAnswer } from './RefreshClaims.ts';
import { Sealer } from './Sealer.ts';

let db: TestDatabase;

before(async () => {
  db = await createTestDatabase({ name: 'claims' });
  await createAuthTables(db.database);
});
after(() => db.drop());

function setup() {
  const clock = new SimulatedClock();
  const store = new ClaimStore(db.database);
  const sealer = new Sealer({ key: ENCRYPTION_KEY, random: systemRandom });
  const processes = [0, 1].map(() => new RefreshClaims({ store, sealer, clock, graceMs: GRACE_MS }));
  const key = { hash: randomBytes(32), proof: randomBytes(32) };
  const engine = {
    calls: 0,
    answer: { status: 200, headers: { 'content-type': 'application/json' }, body: '{"access_token":"secret"}' } as TokenEndpointAnswer,
  };
  const ask = async (): Promise<TokenEndpointAnswer> => {
    engine.calls += 1;
    return engine.answer;
  };
  const [one, two] = processes as [RefreshClaims, RefreshClaims];
  return { clock, store, one, two, key, engine, ask, parameters: randomBytes(32) };
}

describe('RefreshClaims', () => {
  it('asks the engine once for many requests in two processes', async () => {
    const { clock, one, two, key, engine, ask, parameters } = setup();
    const answers = [one, two].flatMap((process) => Array.from({ length: 20 }, () => process.exchange(key, parameters, ask)));
    const all = Promise.all(answers);
    let isDone = false;
    void all.then(() => (isDone = true));
    await waitFor(async () => {
      await clock.advance(50);
      return isDone;
    });
    for (const answer of await all) assert.deepEqual(answer, engine.answer);
    assert.equal(engine.calls, 1);
  });

  it('repeats the answer until the grace period is over, then lets the engine decide', async () => {
    const { clock, one, key, engine, ask, parameters } = setup();
    await one.exchange(key, parameters, ask);
    await clock.advance(GRACE_MS);
    await one.exchange(key, parameters, ask);
    assert.equal(engine.calls, 1);
    await clock.advance(1);
    engine.answer = { status: 400, headers: {}, body: '{"error":"invalid_grant"}' };
    assert.deepEqual(await one.exchange(key, parameters, ask), engine.answer);
  });

  it('keeps nothing of an answer without tokens, nor of a failure', async () => {
    const { one, store, key, engine, ask, parameters } = setup();
    engine.answer = { status: 401, headers: {}, body: '{}' };
    await one.exchange(key, parameters, ask);
    assert.equal(await store.find(key), undefined);
    await assert.rejects(
      one.exchange(key, parameters, () => Promise.reject(new Error('engine failed'))),
      /engine failed/,
    );
    assert.equal(await store.find(key), undefined);
  });

  it('refuses other parameters within the grace period and does not ask the engine', async () => {
    const { one, key, engine, ask, parameters } = setup();
    await one.exchange(key, parameters, ask);
    assert.equal(await one.exchange(key, randomBytes(32), ask), 'other-parameters');
    assert.equal(engine.calls, 1);
  });

  it('keeps answers sealed, and sweeps them', async () => {
    const { clock, store, one, key, ask, parameters } = setup();
    await one.exchange(key, parameters, ask);
    assert.equal((await store.find(key))?.sealedAnswer?.toString('latin1').includes('secret'), false);
    await clock.advance(GRACE_MS + 1);
    await store.sweep(clock.now() - GRACE_MS);
    assert.equal(await store.find(key), undefined);
  });

  it('answers 503 while another process neither answers nor dies long enough, and goes on after it', async () => {
    const { clock, store, one, key, engine, ask, parameters } = setup();
    await store.claim(key, parameters, clock.now() + 5_000);
    let code: unknown;
    one.exchange(key, parameters, ask).catch((error: { code: string }) => (code = error.code));
    await waitFor(async () => {
      await clock.advance(50);
      return code;
    });
    assert.equal(code, 'OVERLOADED');
    await clock.advance(CLAIM_MS_MAX);
    assert.deepEqual(await one.exchange(key, parameters, ask), engine.answer);
  });
});
