import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { createTestDatabase, type TestDatabase } from '@noa/testing';
import { createAuthTables, GRACE_MS, registerSomebody, setupDomain } from '../testing/setupDomain.ts';
import { SESSIONS_MAX } from '../store/SessionStore.ts';
import { hashOfToken } from './TokenMinter.ts';

let db: TestDatabase;
let domain: Awaited<ReturnType<typeof setupDomain>>;
let people = 0;

before(async () => {
  db = await createTestDatabase({ name: 'sessions' });
  await createAuthTables(db.database);
  domain = await setupDomain(db.database);
});
after(async () => {
  await domain.keys.stop();
  await db.drop();
});

async function login() {
  people += 1;
  const account = await registerSomebody(domain, `person-${people}@noa.example`);
  const answer = await domain.sessions.open(account, { userAgent: 'test', network: '192.0.2.0/24' });
  return { account, answer };
}

async function liveTokens(sessionId: string): Promise<number> {
  const { rows } = await db.database.query<{ count: number }>(
    'SELECT count(*)::int AS count FROM auth.refresh_tokens t JOIN auth.sessions s ON s.id = t.session_id WHERE s.id = $1 AND t.used_at IS NULL AND s.revoked_at IS NULL',
    [sessionId],
  );
  return rows[0]?.count ?? -1;
}

describe('Sessions', () => {
  it('gives every one of 200 racing refreshes the same usable answer, and leaves one live family member', async () => {
    const { answer } = await login();
    const answers = await Promise.all(Array.from({ length: 200 }, () => domain.sessions.refresh(answer.refreshToken)));
    assert.equal(new Set(answers.map((one) => one.refreshToken)).size, 1);
    assert.equal(new Set(answers.map((one) => one.accessToken)).size, 1);
    assert.notEqual(answers[0]?.refreshToken, answer.refreshToken);
    assert.equal(await liveTokens(answer.sessionId), 1);
    await domain.sessions.refresh(answers[0]?.refreshToken ?? '');
  });

  it('keeps one live member over a chain of racing refreshes', async () => {
    const { answer } = await login();
    let token = answer.refreshToken;
    for (let round = 0; round < 5; round += 1) {
      const answers = await Promise.all(Array.from({ length: 20 }, () => domain.sessions.refresh(token)));
      assert.equal(new Set(answers.map((one) => one.refreshToken)).size, 1);
      token = answers[0]?.refreshToken ?? '';
      assert.equal(await liveTokens(answer.sessionId), 1);
    }
  });

  it('repeats the answer of a used token until the grace period is over, then revokes that family and only that', async () => {
    const { account, answer } = await login();
    const other = await domain.sessions.open(account, { userAgent: 'other', network: '192.0.2.0/24' });
    const first = await domain.sessions.refresh(answer.refreshToken);
    await domain.clock.advance(GRACE_MS);
    assert.deepEqual(await domain.sessions.refresh(answer.refreshToken), first);
    await domain.clock.advance(1);
    domain.revoked.length = 0;
    await assert.rejects(domain.sessions.refresh(answer.refreshToken), { code: 'AUTH_REFRESH_REUSED', httpStatus: 401 });
    assert.deepEqual(domain.revoked, [{ userId: account.id, sessionId: answer.sessionId, reason: 'refresh-token-reuse' }]);
    await assert.rejects(domain.sessions.refresh(first.refreshToken), { code: 'AUTH_REFRESH_INVALID', httpStatus: 401 });
    await domain.sessions.refresh(other.refreshToken);
  });

  it('announces a revoked family once, however many replays arrive', async () => {
    const { answer } = await login();
    await domain.sessions.refresh(answer.refreshToken);
    await domain.clock.advance(GRACE_MS + 1);
    domain.revoked.length = 0;
    const results = await Promise.allSettled(Array.from({ length: 20 }, () => domain.sessions.refresh(answer.refreshToken)));
    assert.equal(
      results.every((result) => result.status === 'rejected' && result.reason.httpStatus === 401),
      true,
    );
    assert.equal(domain.revoked.length, 1);
  });

  it('wipes sealed answers after the grace period, and stores tokens as hashes only', async () => {
    const { answer } = await login();
    const next = await domain.sessions.refresh(answer.refreshToken);
    const sealed = async () => {
      const { rows } = await db.database.query<{ sealed_answer: Buffer | null }>('SELECT sealed_answer FROM auth.refresh_tokens WHERE hash = $1', [
        hashOfToken(answer.refreshToken),
      ]);
      return rows[0]?.sealed_answer;
    };
    const stored = await sealed();
    assert.ok(stored instanceof Buffer);
    assert.equal(stored.toString('latin1').includes(next.refreshToken), false);
    await domain.store.wipe(domain.clock.now() - GRACE_MS);
    assert.ok((await sealed()) instanceof Buffer);
    await domain.clock.advance(GRACE_MS + 1);
    await domain.store.wipe(domain.clock.now() - GRACE_MS);
    assert.equal(await sealed(), null);
    const { rows } = await db.database.query('SELECT 1 FROM auth.refresh_tokens WHERE encode(hash, $1) = $2', ['escape', answer.refreshToken]);
    assert.equal(rows.length, 0);
  });

  it('refuses unknown and expired tokens', async () => {
    const { answer } = await login();
    const refused = { code: 'AUTH_REFRESH_INVALID', httpStatus: 401 };
    await assert.rejects(domain.sessions.refresh('noa_rt_unknown'), refused);
    await domain.clock.advance(604_800_000);
    await assert.rejects(domain.sessions.refresh(answer.refreshToken), refused);
  });

  it('ends a session after 90 days however often it is refreshed', async () => {
    const { answer } = await login();
    let token = answer.refreshToken;
    for (let day = 6; day < 90; day += 6) {
      await domain.clock.advance(6 * 86_400_000);
      token = (await domain.sessions.refresh(token)).refreshToken;
    }
    await domain.clock.advance(7 * 86_400_000);
    await assert.rejects(domain.sessions.refresh(token), { code: 'AUTH_REFRESH_INVALID' });
  });

  it('takes roles and status of the account anew at each refresh', async () => {
    const { account, answer } = await login();
    const passwordHash = (await domain.accounts.find(account.id))?.passwordHash ?? '';
    await domain.accounts.setPasswordAndRoles(account.id, { passwordHash, roles: ['operator'], nowMs: domain.clock.now() });
    const next = await domain.sessions.refresh(answer.refreshToken);
    const claims = JSON.parse(Buffer.from(next.accessToken.split('.')[1] ?? '', 'base64url').toString()) as { roles: string[]; sid: string };
    assert.deepEqual([claims.roles, claims.sid], [['operator'], answer.sessionId]);
    await domain.accounts.setStatus(account.id, 'disabled', 1, domain.clock.now());
    await assert.rejects(domain.sessions.refresh(next.refreshToken), { code: 'AUTH_REFRESH_INVALID' });
  });

  it('ends a session at logout, by any token of its family, as often as asked', async () => {
    const { answer } = await login();
    const next = await domain.sessions.refresh(answer.refreshToken);
    await domain.sessions.logout(answer.refreshToken);
    await domain.sessions.logout(answer.refreshToken);
    await domain.sessions.logout('noa_rt_unknown');
    await assert.rejects(domain.sessions.refresh(next.refreshToken), { code: 'AUTH_REFRESH_INVALID' });
  });

  it('lists live sessions and revokes one of them, never of another account', async () => {
    const { account, answer } = await login();
    const second = await domain.sessions.open(account, { userAgent: 'x'.repeat(500), network: '2001:db8:1::/48' });
    const listed = await domain.sessions.list(account.id);
    assert.deepEqual(new Set(listed.map((one) => one.id)), new Set([answer.sessionId, second.sessionId]));
    assert.equal(listed.find((one) => one.id === second.sessionId)?.userAgent.length, 200);
    const stranger = await login();
    const missing = { code: 'AUTH_SESSION_NOT_FOUND', httpStatus: 404 };
    await assert.rejects(domain.sessions.revoke(stranger.account.id, answer.sessionId), missing);
    await domain.sessions.revoke(account.id, answer.sessionId);
    await assert.rejects(domain.sessions.revoke(account.id, answer.sessionId), missing);
    assert.deepEqual(
      (await domain.sessions.list(account.id)).map((one) => one.id),
      [second.sessionId],
    );
  });

  it('ends the oldest session when an account has too many', async () => {
    const { account, answer } = await login();
    for (let i = 0; i < SESSIONS_MAX; i += 1) {
      await domain.clock.advance(1);
      await domain.sessions.open(account, { userAgent: 'test', network: 'unknown' });
    }
    assert.equal((await domain.sessions.list(account.id)).length, SESSIONS_MAX);
    await assert.rejects(domain.sessions.refresh(answer.refreshToken), { code: 'AUTH_REFRESH_INVALID' });
  });

  it('forgets sessions that ended long ago and keeps the others', async () => {
    const { account, answer } = await login();
    await domain.clock.advance(604_800_000 + 1_000);
    const fresh = await domain.sessions.open(account, { userAgent: 'test', network: 'unknown' });
    await domain.store.sweep(domain.clock.now());
    const { rows } = await db.database.query<{ id: string }>('SELECT id FROM auth.sessions WHERE account_id = $1', [account.id]);
    assert.deepEqual(rows, [{ id: fresh.sessionId }]);
    assert.notEqual(answer.sessionId, fresh.sessionId);
  });
});
