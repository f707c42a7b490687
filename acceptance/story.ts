import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitFor } from '@noa/testing';
import { call, login, PASSWORD, register, uniqueName } from './client.ts';
import type { UpAnswer } from './harness.ts';

interface Mail {
  readonly recipients: readonly string[];
  readonly subject: string;
}

/** The mails to an address in the sink of `noa up`; the route is the administrator's. */
async function mailsTo(system: UpAnswer, adminToken: string, email: string): Promise<readonly Mail[]> {
  const answer = await call<{ items: readonly Mail[] }>(system.gateway, 'GET', `/api/notifications/sink/messages?to=${encodeURIComponent(email)}`, {
    token: adminToken,
  });
  assert.equal(answer.status, 200, answer.text);
  return answer.body.items.filter((mail) => mail.recipients.includes(email));
}

/** The first part of the story, over the public wire. */
export function storyTests(system: () => UpAnswer): void {
  accountTests(system);
  mailTests(system);
  refreshTests(system);
  limitTests(system);
}

/** What a person does first. */
function accountTests(system: () => UpAnswer): void {
  test('somebody registers, logs in, reads and changes their own record', async () => {
    const { gateway } = system();
    const person = await register(gateway);
    const { accessToken: token } = await login(gateway, person);
    const me = await call<{ id: string; email: string }>(gateway, 'GET', '/api/users/me', { token });
    assert.equal(me.status, 200, me.text);
    assert.equal(me.body.id, person.id);
    assert.equal(me.body.email, person.email);
    const etag = me.headers.get('etag') ?? '';
    const changed = await call<{ displayName: string }>(gateway, 'PATCH', '/api/users/me', {
      token,
      body: { displayName: 'Ada' },
      headers: { 'if-match': etag },
    });
    assert.equal(changed.status, 200, changed.text);
    assert.equal(changed.body.displayName, 'Ada');
    const stale = await call(gateway, 'PATCH', '/api/users/me', { token, body: { displayName: 'Eve' }, headers: { 'if-match': etag } });
    assert.equal(stale.status, 412, stale.text);
  });

  test('without a token, or with a bad one, nobody reads a record', async () => {
    const { gateway } = system();
    assert.equal((await call(gateway, 'GET', '/api/users/me')).status, 401);
    assert.equal((await call(gateway, 'GET', '/api/users/me', { token: 'a.b.c' })).status, 401);
  });

  test('a second account of one e-mail is refused, a wrong password too, both as problems', async () => {
    const { gateway } = system();
    const { email } = await register(gateway);
    const second = await call(gateway, 'POST', '/api/auth/register', { body: { email, password: `${PASSWORD}!`, displayName: 'x' } });
    assert.equal(second.status, 409, second.text);
    const wrong = await call(gateway, 'POST', '/api/auth/login', { body: { email, password: 'not the password' } });
    assert.equal(wrong.status, 401, wrong.text);
    assert.match(wrong.headers.get('content-type') ?? '', /application\/problem\+json/);
    assert.equal(wrong.body['status'], 401);
  });
}

function mailTests(system: () => UpAnswer): void {
  test('the welcome mail arrives once', async () => {
    const { gateway, adminEmail, adminPassword } = system();
    const admin = await login(gateway, { email: adminEmail, password: adminPassword });
    const { email } = await register(gateway);
    await waitFor(async () => (await mailsTo(system(), admin.accessToken, email)).length > 0, {
      timeoutMs: 20_000,
      message: 'the welcome mail',
      intervalMs: 100,
    });
    // Somebody later in the line has theirs: what was sent twice would be here by now.
    const later = await register(gateway);
    await waitFor(async () => (await mailsTo(system(), admin.accessToken, later.email)).length > 0, {
      timeoutMs: 20_000,
      message: 'the later mail',
      intervalMs: 100,
    });
    assert.equal((await mailsTo(system(), admin.accessToken, email)).length, 1);
  });
}

function refreshTests(system: () => UpAnswer): void {
  test('of 50 refreshes at once all get the same living family of tokens', async () => {
    const { gateway } = system();
    const { refreshToken } = await login(gateway, await register(gateway));
    const answers = await Promise.all(
      Array.from({ length: 50 }, () =>
        call<{ refreshToken: string; sessionId: string }>(gateway, 'POST', '/api/auth/refresh', { body: { refreshToken } }),
      ),
    );
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
    assert.equal(new Set(answers.map(({ body }) => body.sessionId)).size, 1);
    const next = answers[0]?.body.refreshToken ?? '';
    assert.equal((await call(gateway, 'POST', '/api/auth/refresh', { body: { refreshToken: next } })).status, 200);
  });
}

function limitTests(system: () => UpAnswer): void {
  test('who asks too often is told to come back, and when', async () => {
    const { gateway, admin, adminToken } = system();
    const route = {
      path: `/${uniqueName('limited')}`,
      methods: ['GET'],
      service: 'auth',
      auth: 'none',
      rateLimit: { requestsPerSecond: 1, burst: 2 },
    };
    const id = uniqueName('limited');
    const put = await call(admin, 'PUT', `/admin/routes/${id}`, { token: adminToken, body: route });
    assert.equal(put.status, 200, put.text);
    try {
      const answers = await Promise.all(Array.from({ length: 6 }, () => call(gateway, 'GET', route.path)));
      const refused = answers.filter(({ status }) => status === 429);
      assert.ok(refused.length >= 3, `statuses ${answers.map(({ status }) => status).join(' ')}`);
      for (const { headers, body } of refused) {
        assert.match(headers.get('retry-after') ?? '', /^[1-9]\d*$/);
        assert.equal(body['code'], 'RATE_LIMITED');
      }
    } finally {
      assert.equal((await call(admin, 'DELETE', `/admin/routes/${id}`, { token: adminToken })).status, 204);
    }
  });

  test('the admin API wants its token', async () => {
    const { admin } = system();
    assert.equal((await call(admin, 'GET', '/admin/routes')).status, 401);
    assert.equal((await call(admin, 'GET', '/admin/routes', { token: 'x'.repeat(32) })).status, 401);
  });
}
