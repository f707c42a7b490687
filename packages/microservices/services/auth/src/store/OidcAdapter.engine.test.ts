import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { createTestDatabase, SimulatedClock, type TestDatabase } from '@noa/testing';
import { createAuthTables } from '../testing/setupDomain.ts';
import { OidcAdapter, sweepOidcPayloads } from './OidcAdapter.ts';

let db: TestDatabase;
const clock = new SimulatedClock();

before(async () => {
  db = await createTestDatabase({ name: 'oidc' });
  await createAuthTables(db.database);
});
after(() => db.drop());

const adapter = (model: string) => new OidcAdapter(model, { database: db.database, clock });

describe('OidcAdapter', () => {
  it('finds what was stored, also under its uid and user code, and replaces it', async () => {
    const sessions = adapter('Session');
    await sessions.upsert('s1', { jti: 's1', uid: 'u1', accountId: 'a' }, 60);
    await sessions.upsert('s1', { jti: 's1', uid: 'u1', accountId: 'b' }, 60);
    assert.deepEqual(await sessions.find('s1'), { jti: 's1', uid: 'u1', accountId: 'b' });
    assert.equal((await sessions.findByUid('u1'))?.accountId, 'b');
    await adapter('DeviceCode').upsert('d1', { jti: 'd1', userCode: 'ABCD' }, 60);
    assert.equal((await adapter('DeviceCode').findByUserCode('ABCD'))?.jti, 'd1');
    assert.equal(await adapter('Interaction').find('s1'), undefined);
  });

  it('keeps token values as hashes only', async () => {
    for (const model of ['AccessToken', 'AuthorizationCode', 'RefreshToken']) {
      const value = `secret-value-of-${model}`;
      await adapter(model).upsert(value, { jti: value, grantId: 'g1' }, 60);
      assert.equal((await adapter(model).find(value))?.jti, value);
      const { rows } = await db.database.query("SELECT 1 FROM auth.oidc_payloads WHERE id = $1 OR payload LIKE '%' || $1 || '%'", [value]);
      assert.equal(rows.length, 0, model);
    }
  });

  it('lets exactly one of several uses at once succeed', async () => {
    const codes = adapter('AuthorizationCode');
    await codes.upsert('once', { jti: 'once', grantId: 'g2' }, 60);
    const results = await Promise.allSettled(Array.from({ length: 10 }, () => codes.consume('once')));
    assert.equal(results.filter((result) => result.status === 'fulfilled').length, 1);
    for (const result of results) if (result.status === 'rejected') assert.equal(result.reason.error, 'invalid_grant');
    assert.equal((await codes.find('once'))?.consumed, Math.floor(clock.now() / 1_000));
  });

  it('removes one record, and all of a grant', async () => {
    const codes = adapter('AuthorizationCode');
    for (const id of ['x1', 'x2', 'y1']) await codes.upsert(id, { jti: id, grantId: id.slice(0, 1) }, 60);
    await codes.destroy('x1');
    assert.equal(await codes.find('x1'), undefined);
    await codes.revokeByGrantId('x');
    assert.equal(await codes.find('x2'), undefined);
    assert.equal((await codes.find('y1'))?.jti, 'y1');
  });

  it('neither finds nor keeps what has expired', async () => {
    const sessions = adapter('Session');
    await sessions.upsert('old', { jti: 'old' }, 60);
    await sessions.upsert('new', { jti: 'new' }, 120);
    await clock.advance(60_000);
    assert.equal(await sessions.find('old'), undefined);
    await clock.advance(1);
    await sweepOidcPayloads({ database: db.database, clock });
    const { rows } = await db.database.query("SELECT id FROM auth.oidc_payloads WHERE id IN ('old', 'new')");
    assert.deepEqual(rows, [{ id: 'new' }]);
  });

  it('keeps any text that a client sent, and finds nothing under an id that no engine makes', async () => {
    const interactions = adapter('Interaction');
    const params = { state: 'nul \u0000 and half \ud800 a pair' };
    await interactions.upsert('i1', { jti: 'i1', params }, 60);
    assert.deepEqual((await interactions.find('i1'))?.params, params);
    assert.equal(await interactions.find('a\u0000b'), undefined);
    assert.equal(await interactions.findByUid('x'.repeat(5_000)), undefined);
  });
});
