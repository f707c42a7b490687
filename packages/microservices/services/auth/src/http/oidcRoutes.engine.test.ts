import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { decodeProtectedHeader } from 'jose';
import * as oidc from 'openid-client';
import { createMetrics, silentLogger, systemClock } from '@noa/core';
import { TokenVerifier } from '@noa/communication';
import { createTestDatabase, type TestDatabase } from '@noa/testing';
import { ISSUER, PASSWORD } from '../testing/setupDomain.ts';
import { authorize, CALLBACK } from '../testing/authorize.ts';
import { Browser, startAuth, type AuthUnderTest } from '../testing/startAuth.ts';

const AFTER_LOGOUT = 'https://shop.example/bye';
const SECRET = 'a-secret-of-16-or-more';
const API = `${ISSUER}/api`;
const CLIENTS = [
  { id: 'shop', name: 'The <Shop>', type: 'confidential', secret: SECRET, redirectURIs: [CALLBACK], postLogoutRedirectURIs: [AFTER_LOGOUT] },
  { id: 'app', name: 'App', type: 'public', redirectURIs: ['com.example.app:/callback'] },
  { id: 'robot', name: 'Robot', type: 'confidential', secret: SECRET, grants: ['client_credentials'], roles: ['ci-bot'] },
];

let db: TestDatabase;
let auth: AuthUnderTest;

before(async () => {
  db = await createTestDatabase({ name: 'oidchttp' });
  auth = await startAuth({
    database: db.database,
    clock: systemClock,
    env: { NOA_AUTH_CLIENTS: JSON.stringify(CLIENTS), NOA_AUTH_ADMIN_EMAIL: 'ada@noa.example', NOA_AUTH_ADMIN_PASSWORD: PASSWORD },
  });
});
after(async () => {
  await auth.stop();
  await db.drop();
});

function discover(clientId: string, authentication: oidc.ClientAuth): Promise<oidc.Configuration> {
  return oidc.discovery(new URL(ISSUER), clientId, {}, authentication, { [oidc.customFetch]: (url, init) => auth.fetch(url, init as RequestInit) });
}

const shop = () => discover('shop', oidc.ClientSecretBasic(SECRET));
const app = () => discover('app', oidc.None());
const robot = () => discover('robot', oidc.ClientSecretBasic(SECRET));

async function verifyAccess(token: string) {
  const verifier = new TokenVerifier({
    jwks: async () => (await (await auth.fetch(`${ISSUER}/oauth/jwks`)).json()) as never,
    issuer: ISSUER,
    clock: systemClock,
    logger: silentLogger,
    metrics: createMetrics(),
  });
  return verifier.verify(token, 'noa-api');
}

describe('discovery', () => {
  it('names the fixed issuer whatever the request claims', async () => {
    const response = await auth.fetch(`${ISSUER}/.well-known/openid-configuration`, {
      headers: { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'http' },
    });
    const text = await response.text();
    assert.equal(text.includes('evil.example'), false);
    const document = JSON.parse(text) as Record<string, unknown>;
    assert.equal(document['issuer'], ISSUER);
    for (const [name, value] of Object.entries(document))
      if (name.endsWith('_endpoint') || name.endsWith('_uri')) assert.ok(String(value).startsWith(`${ISSUER}/oauth/`), name);
  });

  it('advertises only what works', async () => {
    const document = (await (await auth.fetch(`${ISSUER}/.well-known/openid-configuration`)).json()) as Record<string, string | string[]>;
    assert.deepEqual(new Set(document['grant_types_supported']), new Set(['authorization_code', 'client_credentials', 'refresh_token']));
    assert.deepEqual(document['response_types_supported'], ['code']);
    assert.deepEqual(document['code_challenge_methods_supported'], ['S256']);
    assert.deepEqual(new Set(document['token_endpoint_auth_methods_supported']), new Set(['client_secret_basic', 'client_secret_post', 'none']));
    const jwks = (await (await auth.fetch(String(document['jwks_uri']))).json()) as { keys: { alg: string; d?: string }[] };
    const algorithms = new Set(jwks.keys.map((key) => key.alg));
    assert.deepEqual(new Set(document['id_token_signing_alg_values_supported']), algorithms);
    assert.equal(
      jwks.keys.some((key) => 'd' in key),
      false,
    );
    for (const [name, value] of Object.entries(document).filter(([key]) => key.endsWith('_endpoint'))) {
      const response = await auth.fetch(String(value), {
        method: name === 'authorization_endpoint' || name === 'end_session_endpoint' ? 'GET' : 'POST',
      });
      assert.notEqual(response.status, 404, name);
      assert.ok(response.status < 500, name);
    }
  });
});

describe('authorization code with PKCE', () => {
  it('logs a person in and gives an ID token and userinfo', async () => {
    const config = await shop();
    const { callback, checks } = await authorize({ config, browser: new Browser(auth) });
    assert.equal(callback.searchParams.get('iss'), ISSUER);
    const tokens = await oidc.authorizationCodeGrant(config, callback, checks);
    assert.equal(decodeProtectedHeader(tokens.id_token ?? '').alg, 'RS256');
    const sub = tokens.claims()?.sub ?? '';
    const info = await oidc.fetchUserInfo(config, tokens.access_token, sub);
    assert.deepEqual([info.email, info.name, info.locale], ['ada@noa.example', 'Administrator', 'en']);
    assert.equal(tokens.refresh_token, undefined);
  });

  it('works for a public client with a scheme of its own', async () => {
    const config = await app();
    const { callback, checks } = await authorize({ config, browser: new Browser(auth), redirect: 'com.example.app:/callback' });
    await oidc.authorizationCodeGrant(config, callback, checks);
  });

  it('gives an access token for the API, with roles, that the services accept', async () => {
    const config = await shop();
    const flow = await authorize({ config, browser: new Browser(auth), parameters: { scope: 'openid api', resource: API } });
    const tokens = await oidc.authorizationCodeGrant(config, flow.callback, flow.checks, { resource: API });
    const claims = await verifyAccess(tokens.access_token);
    assert.deepEqual([claims.roles, claims.email, claims.client_id, claims.scope], [['admin'], 'ada@noa.example', 'shop', 'api']);
  });

  it('remembers login and consent of a browser, and answers prompt=none from it', async () => {
    const config = await shop();
    const browser = new Browser(auth);
    await authorize({ config, browser });
    const { callback } = await authorize({ config, browser, parameters: { prompt: 'none' } });
    assert.ok(callback.searchParams.has('code'));
    const stranger = await authorize({ config, browser: new Browser(auth), parameters: { prompt: 'none' } });
    assert.equal(stranger.callback.searchParams.get('error'), 'login_required');
  });

  it('accepts pushed authorization requests', async () => {
    const config = await shop();
    const verifier = oidc.randomPKCECodeVerifier();
    const url = await oidc.buildAuthorizationUrlWithPAR(config, {
      redirect_uri: CALLBACK,
      scope: 'openid',
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    });
    const browser = new Browser(auth);
    const { response } = await browser.follow(await browser.get(url.href));
    assert.equal(response.status, 200);
    assert.match(await response.text(), /action="[^"]+\/login"/);
  });

  it('refuses a redirect URI that differs in one character, on a page and not by redirect', async () => {
    const config = await shop();
    for (const redirect of [
      `${CALLBACK}/`,
      `${CALLBACK}?x=1`,
      'https://shop.example/Callback',
      'http://shop.example/callback',
      'https://shop.example.evil/callback',
    ]) {
      const url = oidc.buildAuthorizationUrl(config, {
        redirect_uri: redirect,
        scope: 'openid',
        code_challenge: 'x'.repeat(43),
        code_challenge_method: 'S256',
      });
      const response = await new Browser(auth).get(url.href);
      assert.deepEqual([response.status, response.headers.get('location')], [400, null], redirect);
    }
  });

  it('refuses requests without PKCE, and plain PKCE', async () => {
    const config = await shop();
    for (const parameters of [{}, { code_challenge: 'x'.repeat(43), code_challenge_method: 'plain' }]) {
      const url = oidc.buildAuthorizationUrl(config, { redirect_uri: CALLBACK, scope: 'openid', ...parameters });
      const location = (await new Browser(auth).get(url.href)).headers.get('location') ?? '';
      assert.equal(new URL(location).searchParams.get('error'), 'invalid_request');
    }
  });

  it('refuses a wrong code verifier', async () => {
    const config = await shop();
    const { callback, checks } = await authorize({ config, browser: new Browser(auth) });
    const wrong = { ...checks, pkceCodeVerifier: oidc.randomPKCECodeVerifier() };
    await assert.rejects(oidc.authorizationCodeGrant(config, callback, wrong), { error: 'invalid_grant' });
  });

  it('revokes what a code gave when the code is used again', async () => {
    const config = await shop();
    const { callback, checks } = await authorize({ config, browser: new Browser(auth) });
    const tokens = await oidc.authorizationCodeGrant(config, callback, checks);
    const sub = tokens.claims()?.sub ?? '';
    await oidc.fetchUserInfo(config, tokens.access_token, sub);
    await assert.rejects(oidc.authorizationCodeGrant(config, callback, checks), { error: 'invalid_grant' });
    await assert.rejects(oidc.fetchUserInfo(config, tokens.access_token, sub));
  });

  it('lets a person decline', async () => {
    const config = await shop();
    const browser = new Browser(auth);
    const url = oidc.buildAuthorizationUrl(config, {
      redirect_uri: CALLBACK,
      scope: 'openid',
      code_challenge: 'x'.repeat(43),
      code_challenge_method: 'S256',
      state: 's',
    });
    const { response } = await browser.follow(await browser.get(url.href));
    const action = /action="([^"]+)\/login"/.exec(await response.text())?.[1] ?? '';
    const { url: target } = await browser.follow(await browser.post(`${action}/abort`, {}));
    assert.equal(new URL(target).searchParams.get('error'), 'access_denied');
  });

  it('goes on over a rotation of the keys', async () => {
    const config = await shop();
    const { callback, checks } = await authorize({ config, browser: new Browser(auth) });
    const login = await auth.fetch(`${ISSUER}/api/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ email: 'ada@noa.example', password: PASSWORD }),
    });
    const { accessToken } = (await login.json()) as { accessToken: string };
    const rotated = await auth.fetch(`${ISSUER}/api/auth/keys/rotate`, {
      method: 'POST',
      headers: { authorization: `Bearer ${accessToken}`, 'content-type': 'application/json' },
      body: '{"force":true}',
    });
    const { keyIds } = (await rotated.json()) as { keyIds: string[] };
    const tokens = await oidc.authorizationCodeGrant(config, callback, checks);
    assert.ok(keyIds.includes(decodeProtectedHeader(tokens.id_token ?? '').kid ?? ''));
  });
});

describe('login pages', () => {
  async function openLogin(browser: Browser) {
    const config = await shop();
    const url = oidc.buildAuthorizationUrl(config, {
      redirect_uri: CALLBACK,
      scope: 'openid',
      code_challenge: 'x'.repeat(43),
      code_challenge_method: 'S256',
    });
    const { response } = await browser.follow(await browser.get(url.href));
    const html = await response.text();
    return { response, html, action: /<form method="post" action="([^"]+)"/.exec(html)?.[1] ?? '' };
  }

  it('run no script, are not framed or cached, and escape what clients are called', async () => {
    const { response, html } = await openLogin(new Browser(auth));
    const policy = response.headers.get('content-security-policy') ?? '';
    assert.match(policy, /default-src 'none'/);
    assert.match(policy, /form-action 'self' https:\/\/shop\.example;/);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.doesNotMatch(policy, /unsafe/);
    assert.equal(response.headers.get('cache-control'), 'no-store');
    assert.doesNotMatch(html, /<script|<Shop>| on[a-z]+=/i);
    assert.match(html, /The &lt;Shop&gt;/);
    assert.match(html, /<label for="email">/);
  });

  it('show a wrong password on the page with 401 and keep the e-mail', async () => {
    const browser = new Browser(auth);
    const { action } = await openLogin(browser);
    const response = await browser.post(action, { email: '"><b>@noa.example', password: 'wrong password' });
    const html = await response.text();
    assert.equal(response.status, 401);
    assert.match(html, /role="alert"/);
    assert.match(html, /value="&quot;&gt;&lt;b&gt;@noa\.example"/);
  });

  it('refuse forms from another site with 403, another browser and a made-up page with 400', async () => {
    const browser = new Browser(auth);
    const { action } = await openLogin(browser);
    const form = { email: 'ada@noa.example', password: PASSWORD };
    assert.equal((await browser.post(action, form, { origin: 'https://evil.example' })).status, 403);
    assert.equal((await new Browser(auth).post(action, form)).status, 400);
    assert.equal((await browser.get('/oauth/interaction/made-up')).status, 400);
    assert.equal((await browser.post(action, { email: 'ada@noa.example' })).status, 400);
    assert.equal((await browser.post(action.replace(/login$/, 'consent'), {})).status, 400);
  });
});

describe('client credentials', () => {
  it('gives a client an access token for the API with its own roles', async () => {
    const tokens = await oidc.clientCredentialsGrant(await robot());
    const claims = await verifyAccess(tokens.access_token);
    assert.deepEqual([claims.sub, claims.client_id, claims.aud, claims.roles], ['robot', 'robot', 'noa-api', ['ci-bot']]);
    assert.equal(decodeProtectedHeader(tokens.access_token).typ, 'at+jwt');
    const sessions = await auth.fetch(`${ISSUER}/api/auth/sessions`, { headers: { authorization: `Bearer ${tokens.access_token}` } });
    assert.deepEqual([sessions.status, ((await sessions.json()) as { code: string }).code], [403, 'AUTH_PERSON_ONLY']);
  });

  it('refuses a wrong secret, another resource, and clients without this grant', async () => {
    await assert.rejects(oidc.clientCredentialsGrant(await discover('robot', oidc.ClientSecretBasic('wrong'))), { status: 401 });
    await assert.rejects(oidc.clientCredentialsGrant(await robot(), { resource: 'https://evil.example' }), { error: 'invalid_target' });
    await assert.rejects(oidc.clientCredentialsGrant(await shop()), {
      error: 'invalid_request',
      error_description: 'requested grant type is not allowed for this client',
    });
  });
});

describe('tokens and logout', () => {
  it('introspects and revokes an access token of the client itself only', async () => {
    const config = await shop();
    const { callback, checks } = await authorize({ config, browser: new Browser(auth) });
    const { access_token: token } = await oidc.authorizationCodeGrant(config, callback, checks);
    assert.equal((await oidc.tokenIntrospection(config, token)).active, true);
    assert.equal((await oidc.tokenIntrospection(await robot(), token)).active, false);
    await oidc.tokenRevocation(config, token);
    assert.equal((await oidc.tokenIntrospection(config, token)).active, false);
  });

  it('logs out of the browser and returns to a registered address only', async () => {
    const config = await shop();
    const browser = new Browser(auth);
    const { callback, checks } = await authorize({ config, browser });
    const tokens = await oidc.authorizationCodeGrant(config, callback, checks);
    const foreign = oidc.buildEndSessionUrl(config, { id_token_hint: tokens.id_token ?? '', post_logout_redirect_uri: 'https://evil.example/' });
    assert.equal((await browser.get(foreign.href)).status, 400);
    const url = oidc.buildEndSessionUrl(config, { id_token_hint: tokens.id_token ?? '', post_logout_redirect_uri: AFTER_LOGOUT, state: 's1' });
    const html = await (await browser.get(url.href)).text();
    const [action = '', xsrf = ''] = [/action="([^"]+)"/.exec(html)?.[1], /name="xsrf" value="([^"]+)"/.exec(html)?.[1]];
    const { url: target } = await browser.follow(await browser.post(action, { xsrf, logout: 'yes' }));
    assert.equal(target, `${AFTER_LOGOUT}?state=s1`);
    const again = await authorize({ config, browser, parameters: { prompt: 'none' } });
    assert.equal(again.callback.searchParams.get('error'), 'login_required');
  });
});
