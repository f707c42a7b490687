import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import type { User } from '@noa/contracts';
import { NoaError, systemRandom, uuidv7 } from '@noa/core';
import { PUBLIC_URL, startUsers, tokenOf } from '../testing/startUsers.ts';
import { userRoutes } from './gatewayRoutes.ts';

type Started = Awaited<ReturnType<typeof startUsers>>;
type Method = 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'DELETE';

let started: Started;
let people = 0;
const ADMIN = tokenOf('018f0000-0000-7000-8000-00000000ad00', ['admin']);
const READER = tokenOf('018f0000-0000-7000-8000-00000000ad01', ['readonly']);
const SERVICE = tokenOf('service:auth', ['service']);
const NOBODY = '018f0000-0000-7000-8000-0000000000ff';

before(async () => {
  started = await startUsers('userhttp');
});
after(() => started.stop());

async function call(method: Method, url: string, options: { token?: string; body?: unknown; headers?: Record<string, string> } = {}) {
  const headers: Record<string, string> = {};
  if (options.token !== undefined) headers['authorization'] = `Bearer ${options.token}`;
  if (options.body !== undefined) headers['content-type'] = 'application/json';
  const payload = options.body === undefined ? {} : { payload: typeof options.body === 'string' ? options.body : JSON.stringify(options.body) };
  const answer = await started.app.inject({ method, url, headers: { ...headers, ...options.headers }, ...payload });
  return { status: answer.statusCode, headers: answer.headers, body: (answer.body === '' ? {} : answer.json()) as Record<string, unknown> };
}

type Answer = Awaited<ReturnType<typeof call>>;

function problem(answer: Answer, status: number, code: string): void {
  assert.deepEqual([answer.status, answer.body['code'], answer.headers['content-type']], [status, code, 'application/problem+json']);
}

async function somebody(): Promise<{ user: User; token: string; url: string }> {
  people += 1;
  const answer = await call('POST', '/api/users', { token: SERVICE, body: { email: `person-${people}@noa.example`, displayName: 'Ada' } });
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  const user = answer.body as unknown as User;
  return { user, token: tokenOf(user.id), url: `/api/users/${user.id}` };
}

describe('every route', () => {
  it('answers 401 without a token, with a bad and with an old one', async () => {
    const body = { email: 'a@noa.example', displayName: 'Ada' };
    const routes: [Method, string, unknown?][] = [
      ['POST', '/api/users', body],
      ['GET', '/api/users'],
      ['GET', '/api/users/me'],
      ['PATCH', '/api/users/me', { locale: 'de' }],
      ['GET', `/api/users/${NOBODY}`],
      ['PATCH', `/api/users/${NOBODY}`, { locale: 'de' }],
      ['DELETE', `/api/users/${NOBODY}`],
      ['POST', `/api/users/${NOBODY}/restore`],
    ];
    for (const [method, url, routeBody] of routes) {
      const answer = await call(method, url, { body: routeBody });
      problem(answer, 401, 'TOKEN_MISSING');
      assert.equal(answer.headers['www-authenticate'], 'Bearer');
    }
    problem(await call('GET', '/api/users/me', { token: '!' }), 401, 'TOKEN_MISSING');
    problem(await call('GET', '/api/users/me', { token: 'AAAA' }), 401, 'TOKEN_INVALID');
    problem(await call('GET', '/api/users/me', { token: 'expired' }), 401, 'TOKEN_EXPIRED');
  });

  it('is in the gateway’s list, and nothing else is', async () => {
    const paths = new Set(userRoutes.flatMap((route) => (route.methods ?? []).map((method) => `${method} ${route.path}`)));
    const document = started.app.swagger() as { paths: Record<string, Record<string, unknown>> };
    const served = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods)
        .filter((method) => method !== 'head' && path.startsWith('/api/'))
        .map((method) => `${method.toUpperCase()} ${path}`),
    );
    assert.deepEqual(served.toSorted(), [...paths].toSorted());
  });
});

describe('a shard that is away', () => {
  it('is 503 for its users, worth another try', async () => {
    const { user, token, url } = await somebody();
    const { shardId } = started.router.locate(user.id);
    const { database } = started.databases[Number(shardId.slice('shard-'.length))]!;
    const transaction = database.transaction;
    const query = database.query;
    const away = (): Promise<never> => Promise.reject(new NoaError('DATABASE_UNAVAILABLE', { message: 'away', httpStatus: 503, retryable: true }));
    Object.assign(database, { transaction: away, query: away });
    try {
      const routes: [Method, string, unknown?][] = [
        ['GET', url],
        ['GET', '/api/users/me'],
        ['PATCH', url, { locale: 'de' }],
        ['PATCH', '/api/users/me', { locale: 'de' }],
        ['DELETE', url],
        ['GET', '/api/users'],
        ['POST', `${url}/restore`],
        ['POST', '/api/users', { id: user.id, email: user.email, displayName: 'Ada' }],
      ];
      for (const [method, path, body] of routes) {
        const answer = await call(method, path, { token: path.endsWith('/me') ? token : ADMIN, body });
        assert.equal(answer.status, 503, `${method} ${path}`);
        assert.deepEqual([answer.body['retryable'], answer.headers['retry-after']], [true, '1']);
      }
    } finally {
      Object.assign(database, { transaction, query });
    }
    assert.equal((await call('GET', url, { token })).status, 200);
  });
});

describe('POST /api/users', () => {
  it('answers 201 with location and tag, and 200 to the same again', async () => {
    const id = uuidv7(started.clock, systemRandom);
    const body = { id, email: 'Post@noa.example', displayName: 'Ada' };
    const first = await call('POST', '/api/users', { token: ADMIN, body });
    assert.deepEqual([first.status, first.headers['location'], first.headers['etag']], [201, `/api/users/${id}`, '"1"']);
    assert.equal(first.body['email'], 'post@noa.example');
    const again = await call('POST', '/api/users', { token: SERVICE, body });
    assert.deepEqual([again.status, again.body], [200, first.body]);
  });

  it('answers 403 to whoever is neither administrator nor service', async () => {
    const body = { email: 'no@noa.example', displayName: 'Eve' };
    for (const token of [tokenOf(NOBODY), READER]) problem(await call('POST', '/api/users', { token, body }), 403, 'FORBIDDEN');
  });

  it('answers 409 to an address or an id that is taken', async () => {
    const { user } = await somebody();
    problem(await call('POST', '/api/users', { token: ADMIN, body: { email: user.email, displayName: 'Eve' } }), 409, 'USER_EMAIL_TAKEN');
    const body = { id: user.id, email: 'other@noa.example', displayName: 'Eve' };
    problem(await call('POST', '/api/users', { token: ADMIN, body }), 409, 'USER_ID_TAKEN');
  });

  it('answers 400 to what is not a user, 415 to what is not JSON and 413 to too much', async () => {
    const good = { email: 'good@noa.example', displayName: 'Ada' };
    const wrong = [{}, { ...good, email: 'no' }, { ...good, displayName: ' ' }, { ...good, isAdmin: true }, { ...good, roles: ['king'] }, 'not JSON'];
    for (const body of [...wrong, { ...good, id: 'x' }, { ...good, roles: ['service'] }, { ...good, profile: { a: {} } }]) {
      problem(await call('POST', '/api/users', { token: ADMIN, body }), 400, 'VALIDATION_FAILED');
    }
    const text = { token: ADMIN, body: 'x', headers: { 'content-type': 'text/plain' } };
    problem(await call('POST', '/api/users', text), 415, 'MEDIA_TYPE_UNSUPPORTED');
    problem(await call('POST', '/api/users', { token: ADMIN, body: { ...good, profile: { a: 'x'.repeat(1_100_000) } } }), 413, 'BODY_TOO_LARGE');
  });
});

describe('GET /api/users/{id} and /me', () => {
  it('answers 200 with the tag and 304 to who has that version', async () => {
    const { user, token, url } = await somebody();
    for (const [path, caller] of [
      [url, token],
      [url, READER],
      [url, ADMIN],
      ['/api/users/me', token],
    ] as const) {
      const answer = await call('GET', path, { token: caller });
      assert.deepEqual([answer.status, answer.headers['etag'], answer.body], [200, '"1"', user]);
      for (const tag of ['"1"', 'W/"1"', '"7", "1"', '*']) {
        const unchanged = await call('GET', path, { token: caller, headers: { 'if-none-match': tag } });
        assert.deepEqual([unchanged.status, unchanged.headers['etag'], unchanged.body], [304, '"1"', {}]);
      }
      assert.equal((await call('GET', path, { token: caller, headers: { 'if-none-match': '"2"' } })).status, 200);
    }
    assert.equal((await call('HEAD', url, { token })).headers['etag'], '"1"');
  });

  it('answers 403 for somebody else, 404 for nobody, 400 for no id', async () => {
    const [{ url }, other] = [await somebody(), await somebody()];
    problem(await call('GET', url, { token: other.token }), 403, 'FORBIDDEN');
    problem(await call('GET', `/api/users/${NOBODY}`, { token: other.token }), 403, 'FORBIDDEN');
    problem(await call('GET', `/api/users/${NOBODY}`, { token: ADMIN }), 404, 'USER_NOT_FOUND');
    problem(await call('GET', '/api/users/me', { token: SERVICE }), 404, 'USER_NOT_FOUND');
    problem(await call('GET', '/api/users/me', { token: tokenOf(NOBODY) }), 404, 'USER_NOT_FOUND');
    problem(await call('GET', '/api/users/somebody', { token: ADMIN }), 400, 'VALIDATION_FAILED');
  });
});

describe('PATCH', () => {
  it('merges: absent stays, a null removes a profile field; 412 to an old version', async () => {
    const { token, url } = await somebody();
    const headers = { 'content-type': 'application/merge-patch+json', 'if-match': '"1"' };
    const first = await call('PATCH', '/api/users/me', { token, headers, body: { profile: { city: 'Wien', age: 36 } } });
    assert.deepEqual([first.status, first.headers['etag'], first.body['profile']], [200, '"2"', { city: 'Wien', age: 36 }]);
    for (const path of ['/api/users/me', url])
      problem(await call('PATCH', path, { token, headers, body: { locale: 'de' } }), 412, 'USER_VERSION_MISMATCH');
    const second = await call('PATCH', url, { token, headers: { 'if-match': '"1", "2"' }, body: { profile: { age: null }, locale: 'de' } });
    assert.deepEqual([second.status, second.body['profile'], second.body['locale']], [200, { city: 'Wien' }, 'de']);
    for (const tag of ['W/"3"', '"x"', '3']) {
      problem(await call('PATCH', url, { token, headers: { 'if-match': tag }, body: { locale: 'en' } }), 412, 'USER_VERSION_MISMATCH');
    }
    assert.equal((await call('PATCH', url, { token, headers: { 'if-match': '*' }, body: { locale: 'en' } })).status, 200);
  });

  it('lets nobody give themselves a role, and an administrator change those of others', async () => {
    const { token, url } = await somebody();
    for (const path of ['/api/users/me', url]) problem(await call('PATCH', path, { token, body: { roles: ['admin'] } }), 403, 'FORBIDDEN');
    const changed = await call('PATCH', url, { token: ADMIN, body: { roles: ['operator'] } });
    assert.deepEqual([changed.status, changed.body['roles']], [200, ['operator']]);
    problem(await call('PATCH', url, { token: ADMIN, body: { roles: ['service'] } }), 400, 'VALIDATION_FAILED');
  });

  it('answers 403 for somebody else, 404 for nobody, 409 to a taken address, 400 to what is no patch', async () => {
    const [ada, eve] = [await somebody(), await somebody()];
    for (const token of [eve.token, READER]) problem(await call('PATCH', ada.url, { token, body: { locale: 'de' } }), 403, 'FORBIDDEN');
    problem(await call('PATCH', `/api/users/${NOBODY}`, { token: ADMIN, body: { locale: 'de' } }), 404, 'USER_NOT_FOUND');
    problem(await call('PATCH', '/api/users/me', { token: SERVICE, body: { locale: 'de' } }), 404, 'USER_NOT_FOUND');
    problem(await call('PATCH', '/api/users/me', { token: eve.token, body: { email: ada.user.email } }), 409, 'USER_EMAIL_TAKEN');
    for (const body of [{}, { id: NOBODY }, { version: 3 }, { email: null }, [], { locale: '' }]) {
      problem(await call('PATCH', ada.url, { token: ada.token, body }), 400, 'VALIDATION_FAILED');
    }
    const many = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`field${index}`, index]));
    await call('PATCH', ada.url, { token: ada.token, body: { profile: many } });
    problem(await call('PATCH', ada.url, { token: ada.token, body: { profile: { more: 1 } } }), 400, 'USER_PROFILE_TOO_LARGE');
  });
});

describe('DELETE and restore', () => {
  it('answers 204 and then 404, and 200 to the restore by an administrator', async () => {
    const { user, token, url } = await somebody();
    problem(await call('DELETE', url, { token, headers: { 'if-match': '"9"' } }), 412, 'USER_VERSION_MISMATCH');
    const removed = await call('DELETE', url, { token, headers: { 'if-match': '"1"' } });
    assert.deepEqual([removed.status, removed.body], [204, {}]);
    problem(await call('DELETE', url, { token }), 404, 'USER_NOT_FOUND');
    problem(await call('GET', url, { token: ADMIN }), 404, 'USER_NOT_FOUND');
    problem(await call('POST', `${url}/restore`, { token }), 403, 'FORBIDDEN');
    const restored = await call('POST', `${url}/restore`, { token: ADMIN });
    assert.deepEqual([restored.status, restored.headers['etag'], restored.body['email']], [200, '"3"', user.email]);
    problem(await call('POST', `${url}/restore`, { token: ADMIN }), 409, 'USER_RESTORE_EXPIRED');
    problem(await call('POST', `/api/users/${NOBODY}/restore`, { token: ADMIN }), 404, 'USER_NOT_FOUND');
  });

  it('answers 403 to the deletion of somebody else, and 409 to a restore whose address is gone', async () => {
    const [ada, eve] = [await somebody(), await somebody()];
    problem(await call('DELETE', ada.url, { token: eve.token }), 403, 'FORBIDDEN');
    assert.equal((await call('DELETE', ada.url, { token: ADMIN })).status, 204);
    await call('PATCH', '/api/users/me', { token: eve.token, body: { email: ada.user.email } });
    problem(await call('POST', `${ada.url}/restore`, { token: ADMIN }), 409, 'USER_EMAIL_TAKEN');
  });
});

describe('GET /api/users', () => {
  it('walks all users by the links it gives', async () => {
    const ids = new Set<string>();
    for (let count = 0; count < 5; count += 1) ids.add((await somebody()).user.id);
    let url = '/api/users?limit=3';
    const seen: string[] = [];
    for (let pages = 0; pages < 100; pages += 1) {
      const { status, headers, body } = await call('GET', url, { token: READER });
      const items = body['items'] as User[];
      assert.equal(status, 200);
      assert.ok(items.length <= 3);
      seen.push(...items.map((user) => user.id));
      const link = headers['link'];
      if (link === undefined) {
        assert.equal(body['cursor'], undefined);
        break;
      }
      const target = /^<(.+)>; rel="next"$/.exec(String(link))![1]!;
      assert.equal(target, `${PUBLIC_URL}/api/users?limit=3&cursor=${String(body['cursor'])}`);
      url = target.slice(PUBLIC_URL.length);
    }
    assert.equal(new Set(seen).size, seen.length);
    for (const id of ids) assert.ok(seen.includes(id));
  });

  it('answers 403 to who may not read all, and 400 to a wrong limit or cursor', async () => {
    problem(await call('GET', '/api/users', { token: tokenOf(NOBODY) }), 403, 'FORBIDDEN');
    for (const query of ['limit=0', 'limit=101', 'limit=x', 'cursor=']) {
      problem(await call('GET', `/api/users?${query}`, { token: ADMIN }), 400, 'VALIDATION_FAILED');
    }
    problem(await call('GET', '/api/users?cursor=AAAA', { token: ADMIN }), 400, 'CURSOR_INVALID');
  });
});
