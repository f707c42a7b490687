import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { systemClock } from '@noa/core';
import { createTestDatabase, waitFor, type TestDatabase } from '@noa/testing';
import { describeUnavailable, ISSUER, PASSWORD } from '../testing/setupDomain.ts';
import { startAuth, type AuthUnderTest } from '../testing/startAuth.ts';

let db: TestDatabase;
let auth: AuthUnderTest;
let people = 0;

before(async () => {
  db = await createTestDatabase({ name: 'authhttp' });
  auth = await startAuth({
    database: db.database,
    clock: systemClock,
    env: { NOA_AUTH_REFRESH_GRACE_SECONDS: '1', NOA_AUTH_ADMIN_EMAIL: 'admin@noa.example', NOA_AUTH_ADMIN_PASSWORD: PASSWORD },
  });
});
after(async () => {
  await auth.stop();
  await db.drop();
});

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // The tests say what they expect of it.
  readonly body: Record<string, never> & Record<string, unknown>;
}

async function call(
  method: string,
  path: string,
  options: { body?: unknown; token?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const headers: Record<string, string> = { ...options.headers };
  if (options.body !== undefined) headers['content-type'] = 'application/json';
  if (options.token !== undefined) headers['authorization'] = `Bearer ${options.token}`;
  const response = await auth.fetch(`${ISSUER}${path}`, {
    method,
    headers,
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? {} : (JSON.parse(text) as Answer['body']) };
}

async function register() {
  people += 1;
  const email = `person-${people}@noa.example`;
  const answer = await call('POST', '/api/auth/register', { body: { email, password: PASSWORD, displayName: 'Ada' } });
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  return { email, user: answer.body['user'] as unknown as { id: string; email: string; displayName: string; roles: string[]; locale: string } };
}

async function login(email: string, headers: Record<string, string> = {}) {
  const answer = await call('POST', '/api/auth/login', { body: { email, password: PASSWORD }, headers });
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer.body as unknown as { accessToken: string; refreshToken: string; sessionId: string; expiresIn: number; tokenType: string };
}

function problem(answer: Answer, status: number, code: string): void {
  assert.deepEqual([answer.status, answer.body['code'], answer.headers.get('content-type')], [status, code, 'application/problem+json']);
}

describe('POST /api/auth/register', () => {
  it('answers 201 with the user, made by a token for services', async () => {
    const { email, user } = await register();
    assert.deepEqual({ ...user, id: '' }, { id: '', email, displayName: 'Ada', locale: 'en', roles: ['developer'] });
    const claims = decodeJwt(auth.users.token ?? '');
    assert.deepEqual([claims.sub, claims.aud, claims['roles'], claims.iss], ['service:auth', 'noa-internal', ['service'], ISSUER]);
  });

  it('answers 409 for a taken e-mail', async () => {
    const { email } = await register();
    problem(await call('POST', '/api/auth/register', { body: { email, password: PASSWORD, displayName: 'Ada' } }), 409, 'AUTH_EMAIL_TAKEN');
  });

  it('answers 400 for a wrong body and names the field', async () => {
    const good = { email: 'x@noa.example', password: PASSWORD, displayName: 'Ada' };
    for (const [path, body] of [
      ['/email', { ...good, email: 'nobody' }],
      ['/password', { ...good, password: 'short' }],
      ['/displayName', { email: good.email, password: PASSWORD }],
      ['/roles', { ...good, roles: ['admin'] }],
    ] as const) {
      const answer = await call('POST', '/api/auth/register', { body });
      problem(answer, 400, 'VALIDATION_FAILED');
      assert.equal((answer.body['errors'] as unknown as { path: string }[])[0]?.path, path);
    }
  });

  it('answers 503 with Retry-After while the user service is away, and 201 to the same request later', async () => {
    const body = { email: 'waiting@noa.example', password: PASSWORD, displayName: 'Ada' };
    auth.users.failure = describeUnavailable();
    const refused = await call('POST', '/api/auth/register', { body });
    auth.users.failure = undefined;
    problem(refused, 503, 'AUTH_REGISTRATION_INCOMPLETE');
    assert.equal(refused.headers.get('retry-after'), '1');
    assert.equal((await call('POST', '/api/auth/register', { body })).status, 201);
  });
});

describe('POST /api/auth/login', () => {
  it('answers an RFC 9068 access token and a refresh token that no cache keeps', async () => {
    const { email, user } = await register();
    const answer = await call('POST', '/api/auth/login', { body: { email, password: PASSWORD } });
    const { accessToken, sessionId, tokenType, expiresIn } = answer.body as unknown as Awaited<ReturnType<typeof login>>;
    assert.equal(answer.headers.get('cache-control'), 'no-store');
    assert.deepEqual([tokenType, expiresIn], ['Bearer', 900]);
    const header = decodeProtectedHeader(accessToken);
    assert.deepEqual([header.typ, header.alg], ['at+jwt', 'EdDSA']);
    const claims = decodeJwt(accessToken);
    assert.deepEqual(
      [
        claims.iss,
        claims.sub,
        claims.aud,
        claims['sid'],
        claims['roles'],
        claims['email'],
        claims['client_id'],
        (claims.exp ?? 0) - (claims.iat ?? 0),
      ],
      [ISSUER, user.id, 'noa-api', sessionId, ['developer'], email, 'noa', 900],
    );
  });

  it('answers 401 for a wrong password and 429 with Retry-After after ten of them, per network', async () => {
    const { email } = await register();
    const from = (network: string) => ({ 'x-forwarded-for': network });
    const wrong = { email, password: 'wrong password' };
    for (let i = 0; i < 10; i += 1)
      problem(await call('POST', '/api/auth/login', { body: wrong, headers: from('192.0.2.1') }), 401, 'AUTH_CREDENTIALS_WRONG');
    const locked = await call('POST', '/api/auth/login', { body: { email, password: PASSWORD }, headers: from('192.0.2.200') });
    problem(locked, 429, 'AUTH_LOCKED');
    assert.ok(Number(locked.headers.get('retry-after')) > 800);
    await login(email, from('198.51.100.1'));
  });
});

describe('POST /api/auth/refresh', () => {
  it('gives 50 requests at once one usable answer, then 401 for a replay after the grace period', async () => {
    const { email, user } = await register();
    const { refreshToken, sessionId } = await login(email);
    const answers = await Promise.all(Array.from({ length: 50 }, () => call('POST', '/api/auth/refresh', { body: { refreshToken } })));
    assert.deepEqual(new Set(answers.map((answer) => answer.status)), new Set([200]));
    assert.equal(new Set(answers.map((answer) => answer.body['refreshToken'])).size, 1);
    const reused = await waitFor(async () => {
      const answer = await call('POST', '/api/auth/refresh', { body: { refreshToken } });
      return answer.status === 200 ? undefined : answer;
    });
    problem(reused, 401, 'AUTH_REFRESH_REUSED');
    problem(await call('POST', '/api/auth/refresh', { body: { refreshToken: answers[0]?.body['refreshToken'] } }), 401, 'AUTH_REFRESH_INVALID');
    const event = await waitFor(() => auth.published.find((one) => one.type === 'auth.session.family_revoked'));
    assert.deepEqual(event.data, { userId: user.id, sessionId, reason: 'refresh-token-reuse' });
  });
});

describe('sessions', () => {
  it("lists the caller's sessions with device and network, and ends one of them", async () => {
    const { email } = await register();
    const one = await login(email, { 'user-agent': 'Phone', 'x-forwarded-for': '192.0.2.9' });
    const two = await login(email, { 'user-agent': 'Laptop' });
    const { body } = await call('GET', '/api/auth/sessions', { token: two.accessToken });
    const items = body['items'] as unknown as { id: string; device: string; network: string; isCurrent: boolean; createdAt: string }[];
    assert.deepEqual(
      items.map(({ id, device, network, isCurrent }) => ({ id, device, network, isCurrent })),
      [
        { id: two.sessionId, device: 'Laptop', network: '127.0.0.0/24', isCurrent: true },
        { id: one.sessionId, device: 'Phone', network: '192.0.2.0/24', isCurrent: false },
      ],
    );
    assert.equal((await call('DELETE', `/api/auth/sessions/${one.sessionId}`, { token: two.accessToken })).status, 204);
    problem(await call('DELETE', `/api/auth/sessions/${one.sessionId}`, { token: two.accessToken }), 404, 'AUTH_SESSION_NOT_FOUND');
    problem(await call('POST', '/api/auth/refresh', { body: { refreshToken: one.refreshToken } }), 401, 'AUTH_REFRESH_INVALID');
  });

  it('asks for a token, and for a valid one', async () => {
    const missing = await call('GET', '/api/auth/sessions');
    problem(missing, 401, 'TOKEN_MISSING');
    assert.equal(missing.headers.get('www-authenticate'), 'Bearer');
    problem(await call('GET', '/api/auth/sessions', { token: 'a.b.c' }), 401, 'TOKEN_INVALID');
    problem(await call('DELETE', '/api/auth/sessions/nonsense', { token: 'a.b.c' }), 400, 'VALIDATION_FAILED');
  });

  it('ends at logout by refresh token or by access token', async () => {
    const { email } = await register();
    const [one, two] = [await login(email), await login(email)];
    assert.equal((await call('POST', '/api/auth/logout', { body: { refreshToken: one.refreshToken } })).status, 204);
    assert.equal((await call('POST', '/api/auth/logout', { token: two.accessToken })).status, 204);
    for (const { refreshToken } of [one, two])
      problem(await call('POST', '/api/auth/refresh', { body: { refreshToken } }), 401, 'AUTH_REFRESH_INVALID');
    problem(await call('POST', '/api/auth/logout'), 401, 'TOKEN_MISSING');
  });
});

describe('administration', () => {
  it('rotates keys for the administrator of the configuration only; tokens of before and after are accepted', async () => {
    const { email } = await register();
    const person = await login(email);
    const admin = await login('admin@noa.example');
    problem(await call('POST', '/api/auth/keys/rotate', { token: person.accessToken, body: {} }), 403, 'FORBIDDEN');
    const young = await call('POST', '/api/auth/keys/rotate', { token: admin.accessToken });
    problem(young, 409, 'AUTH_KEY_TOO_YOUNG');
    assert.ok(Number(young.headers.get('retry-after')) > 100);
    const rotated = await call('POST', '/api/auth/keys/rotate', { token: admin.accessToken, body: { force: true } });
    assert.equal(rotated.status, 200);
    const fresh = await login(email);
    assert.ok((rotated.body['keyIds'] as unknown as string[]).includes(decodeProtectedHeader(fresh.accessToken).kid ?? ''));
    for (const token of [person.accessToken, fresh.accessToken]) assert.equal((await call('GET', '/api/auth/sessions', { token })).status, 200);
  });

  it('registers and removes OAuth clients for administrators only', async () => {
    const { email } = await register();
    const body = { name: 'Shop', type: 'confidential', grants: ['client_credentials'] };
    problem(await call('POST', '/api/auth/clients', { body }), 401, 'TOKEN_MISSING');
    problem(await call('POST', '/api/auth/clients', { body, token: (await login(email)).accessToken }), 403, 'FORBIDDEN');
    const { accessToken: token } = await login('admin@noa.example');
    problem(await call('POST', '/api/auth/clients', { body: { ...body, roles: ['service'] }, token }), 400, 'VALIDATION_FAILED');
    const made = await call('POST', '/api/auth/clients', { body, token });
    assert.equal(made.status, 201);
    assert.equal(typeof made.body['clientSecret'], 'string');
    const path = `/api/auth/clients/${String(made.body['clientId'])}`;
    assert.equal((await call('DELETE', path, { token })).status, 204);
    problem(await call('DELETE', path, { token }), 404, 'AUTH_CLIENT_NOT_FOUND');
  });
});

describe('the service', () => {
  it('lets a deleted user log in no more', async () => {
    const { email, user } = await register();
    await login(email);
    await auth.deliver({ type: 'user.deleted', data: { userId: user.id, version: 2 } });
    problem(await call('POST', '/api/auth/login', { body: { email, password: PASSWORD } }), 401, 'AUTH_CREDENTIALS_WRONG');
  });

  it('documents every route of its own in OpenAPI 3.1', async () => {
    const { body } = await call('GET', '/openapi.json');
    assert.equal(body['openapi'], '3.1.0');
    for (const path of ['register', 'login', 'refresh', 'logout', 'sessions', 'sessions/{id}', 'keys/rotate', 'clients', 'clients/{id}']) {
      assert.ok(`/api/auth/${path}` in (body['paths'] as unknown as object), path);
    }
  });

  it('is ready when it has signing keys, and logs no password or token', async () => {
    const report = await auth.health.report();
    assert.deepEqual([report.status, report.checks.map((check) => check.name)], ['passing', ['signing-keys']]);
    const text = JSON.stringify(auth.logs.entries);
    assert.equal(text.includes(PASSWORD), false);
    assert.equal(text.includes('noa_rt_'), false);
  });
});
