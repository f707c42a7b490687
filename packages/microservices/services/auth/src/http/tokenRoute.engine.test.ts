import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import * as oidc from 'openid-client';
import { systemClock } from '@noa/core';
import { createTestDatabase, waitFor, type TestDatabase } from '@noa/testing';
import { authorize, CALLBACK } from '../testing/authorize.ts';
import { ISSUER, PASSWORD } from '../testing/setupDomain.ts';
import { Browser, startAuth, type AuthUnderTest } from '../testing/startAuth.ts';

const SECRET = 'a-secret-of-16-or-more';
const GRANTS = ['authorization_code', 'refresh_token'];
const CLIENTS = [
  { id: 'shop', name: 'Shop', type: 'confidential', secret: SECRET, redirectURIs: [CALLBACK], grants: GRANTS },
  { id: 'app', name: 'App', type: 'public', redirectURIs: [CALLBACK], grants: GRANTS },
];
const OFFLINE = { scope: 'openid offline_access', prompt: 'consent' };

let db: TestDatabase;
let auth: AuthUnderTest;
let other: AuthUnderTest;

before(async () => {
  db = await createTestDatabase({ name: 'oidcrefresh', poolMax: 10 });
  const env = {
    NOA_AUTH_CLIENTS: JSON.stringify(CLIENTS),
    NOA_AUTH_ADMIN_EMAIL: 'ada@noa.example',
    NOA_AUTH_ADMIN_PASSWORD: PASSWORD,
    NOA_AUTH_REFRESH_GRACE_SECONDS: '2',
  };
  auth = await startAuth({ database: db.database, clock: systemClock, env });
  other = await startAuth({ database: db.database, clock: systemClock, env });
});
after(async () => {
  await Promise.all([auth.stop(), other.stop()]);
  await db.drop();
});

function discover(id: string, server: AuthUnderTest = auth): Promise<oidc.Configuration> {
  const authentication = id === 'app' ? oidc.None() : oidc.ClientSecretBasic(SECRET);
  return oidc.discovery(new URL(ISSUER), id, {}, authentication, { [oidc.customFetch]: (url, init) => server.fetch(url, init as RequestInit) });
}

async function login(id: string) {
  const config = await discover(id);
  const { callback, checks } = await authorize({ config, browser: new Browser(auth), parameters: OFFLINE });
  const tokens = await oidc.authorizationCodeGrant(config, callback, checks);
  return { config, token: tokens.refresh_token ?? assert.fail('no refresh token'), sub: tokens.claims()?.sub ?? '' };
}

describe('refresh grant', () => {
  for (const id of ['shop', 'app']) {
    it(`gives 50 racing refreshes of client ${id}, over two processes, one usable answer`, async () => {
      const { config, token, sub } = await login(id);
      const there = await discover(id, other);
      const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => oidc.refreshTokenGrant(i % 2 === 0 ? config : there, token)));
      assert.equal(new Set(answers.map((answer) => answer.refresh_token)).size, 1);
      assert.equal(new Set(answers.map((answer) => answer.access_token)).size, 1);
      const [first] = answers;
      assert.equal((await oidc.fetchUserInfo(config, first?.access_token ?? '', sub)).sub, sub);
      await oidc.refreshTokenGrant(config, first?.refresh_token ?? '');
    });
  }

  it('revokes the grant, and tells it once, when a used token comes back after the grace period', async () => {
    const { config, token, sub } = await login('app');
    const kept = await login('app');
    const next = await oidc.refreshTokenGrant(config, token);
    auth.published.length = 0;
    await waitFor(async () => {
      const error = await oidc.refreshTokenGrant(config, token).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      return (error as { error?: string } | undefined)?.error === 'invalid_grant';
    });
    await assert.rejects(oidc.refreshTokenGrant(config, next.refresh_token ?? ''), { error: 'invalid_grant' });
    await oidc.refreshTokenGrant(kept.config, kept.token);
    const events = await waitFor(() => {
      const found = [...auth.published, ...other.published].filter((event) => event.type === 'auth.session.family_revoked');
      return found.length > 0 && found;
    });
    assert.equal(events.length, 1);
    assert.deepEqual({ ...(events[0]?.data as object), sessionId: '' }, { userId: sub, sessionId: '', reason: 'refresh-token-reuse' });
  });

  it('refuses a second use with other parameters within the grace period, and revokes nothing for it', async () => {
    const { config, token } = await login('shop');
    const next = await oidc.refreshTokenGrant(config, token);
    await assert.rejects(oidc.refreshTokenGrant(config, token, { scope: 'openid' }), { error: 'invalid_grant' });
    await oidc.refreshTokenGrant(config, next.refresh_token ?? '');
  });

  it('gives a stored answer to nobody with other credentials, and a failed attempt uses nothing up', async () => {
    const { config, token } = await login('shop');
    const thief = await oidc.discovery(new URL(ISSUER), 'shop', {}, oidc.ClientSecretBasic('wrong'), {
      [oidc.customFetch]: (url, init) => auth.fetch(url, init as RequestInit),
    });
    await assert.rejects(oidc.refreshTokenGrant(thief, token), { status: 401 });
    const next = await oidc.refreshTokenGrant(config, token);
    await assert.rejects(oidc.refreshTokenGrant(thief, token), { status: 401 });
    await oidc.refreshTokenGrant(config, next.refresh_token ?? '');
    await assert.rejects(oidc.refreshTokenGrant(config, 'made-up'), { error: 'invalid_grant' });
  });

  it('gives no refresh token without offline_access', async () => {
    const config = await discover('app');
    const { callback, checks } = await authorize({ config, browser: new Browser(auth), parameters: { scope: 'openid' } });
    assert.equal((await oidc.authorizationCodeGrant(config, callback, checks)).refresh_token, undefined);
  });
});
