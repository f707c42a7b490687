import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { createTestDatabase, waitFor, type TestDatabase } from '@noa/testing';
import { SMTPDouble } from '../testing/SMTPDouble.ts';
import { startNotification, tokenOf } from '../testing/startNotification.ts';
import { notificationRoutes } from './gatewayRoutes.ts';

type Started = Awaited<ReturnType<typeof startNotification>>;
type Method = 'GET' | 'PUT' | 'POST';

let db: TestDatabase;
let smtp: SMTPDouble;
let started: Started;
const ADMIN = tokenOf('018f0000-0000-7000-8000-00000000ad00', ['admin'], 'admin@noa.example');
const READER = tokenOf('018f0000-0000-7000-8000-00000000ad01', ['readonly']);
const OPERATOR = tokenOf('018f0000-0000-7000-8000-00000000ad02', ['operator']);
const SERVICE = tokenOf('service:user', ['service']);
const ADA = tokenOf('018f0000-0000-7000-8000-000000000001', ['developer'], 'Ada@noa.example');
const CLIENT = tokenOf('client', ['developer']);
const NOBODY = '018f0000-0000-7000-8000-0000000000ff';

before(async () => {
  db = await createTestDatabase({ name: 'notifyhttp' });
  smtp = new SMTPDouble();
  started = await startNotification(db, { url: await smtp.start(), hasSink: true });
  await started.notifications.start();
});
after(async () => {
  await started.stop();
  await smtp.stop();
  await db.drop();
});

async function call(method: Method, url: string, options: { token?: string; body?: unknown; headers?: Record<string, string>; of?: Started } = {}) {
  const headers: Record<string, string> = {};
  if (options.token !== undefined) headers['authorization'] = `Bearer ${options.token}`;
  if (options.body !== undefined) headers['content-type'] = 'application/json';
  const payload = options.body === undefined ? {} : { payload: JSON.stringify(options.body) };
  const answer = await (options.of ?? started).app.inject({ method, url, headers: { ...headers, ...options.headers }, ...payload });
  return { status: answer.statusCode, headers: answer.headers, body: answer.json() as Record<string, unknown> };
}

function problem(answer: Awaited<ReturnType<typeof call>>, status: number, code: string): void {
  assert.deepEqual([answer.status, answer.body['code'], answer.headers['content-type']], [status, code, 'application/problem+json']);
}

const words = { key: 'k', to: 'ada@noa.example', subject: 'Hello', text: 'there' };
const template = { locale: 'en', subject: 'Hello {{ name }}', text: 'Hello {{ name }}', html: '<p>{{ name }}</p>' };

describe('every route', () => {
  it('answers 401 without a token and with an old one, 403 without a role for it', async () => {
    const routes: [Method, string, unknown?][] = [
      ['POST', '/api/notifications', words],
      ['GET', `/api/notifications/${NOBODY}`],
      ['GET', '/api/notifications/templates'],
      ['GET', '/api/notifications/templates/welcome'],
      ['PUT', '/api/notifications/templates/welcome', template],
      ['POST', '/api/notifications/templates/welcome/preview', {}],
      ['GET', '/api/notifications/sink/messages'],
    ];
    for (const [method, url, body] of routes) {
      problem(await call(method, url, { body }), 401, 'TOKEN_MISSING');
      problem(await call(method, url, { body, token: 'expired' }), 401, 'TOKEN_EXPIRED');
      problem(await call(method, url, { body, token: CLIENT }), 403, 'FORBIDDEN');
    }
    problem(await call('PUT', '/api/notifications/templates/welcome', { body: template, token: OPERATOR }), 403, 'FORBIDDEN');
    problem(await call('POST', '/api/notifications', { body: words, token: READER }), 403, 'FORBIDDEN');
  });

  it('is in the gateway’s list, and nothing else is', () => {
    const published = notificationRoutes.flatMap((route) => (route.methods ?? []).map((method) => `${method} ${route.path}`));
    const document = started.app.swagger() as { paths: Record<string, Record<string, unknown>> };
    const served = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods)
        .filter((method) => method !== 'head' && path.startsWith('/api/'))
        .map((method) => `${method.toUpperCase()} ${path}`),
    );
    assert.deepEqual(served.toSorted(), published.toSorted());
  });
});

describe('POST /api/notifications', () => {
  it('answers 202, the same to the same key again, and the timeline under its id', async () => {
    const body = { key: 'welcome:1', to: 'Ada@noa.example', locale: 'de-AT', template: 'welcome', data: { displayName: 'Ada' } };
    const first = await call('POST', '/api/notifications', { token: SERVICE, body });
    assert.equal(first.status, 202);
    const { id } = first.body as { id: string };
    assert.equal(first.headers['location'], `/api/notifications/${id}`);
    for (const token of [ADMIN, OPERATOR]) assert.equal((await call('POST', '/api/notifications', { token, body })).body['id'], id);
    const found = await waitFor(async () => {
      const answer = await call('GET', `/api/notifications/${id}`, { token: READER });
      return answer.body['state'] === 'sent' ? answer : undefined;
    });
    const { timeline, createdAt, ...message } = found.body;
    assert.deepEqual(message, {
      id,
      key: 'welcome:1',
      channel: 'email',
      recipient: 'ada@noa.example',
      subject: 'Willkommen, Ada',
      state: 'sent',
      attempts: 1,
    });
    assert.ok(Date.parse(createdAt as string) > 0);
    assert.deepEqual(
      (timeline as { state: string }[]).map((event) => event.state),
      ['queued', 'sending', 'sent'],
    );
    assert.equal(smtp.contents.length, 1);
  });

  it('answers 400 to neither or both of template and words, and to what is no request', async () => {
    const { key, to, subject, text } = words;
    const wrong = [
      { key, to },
      { key, to, subject },
      { key, to, text },
      { ...words, template: 'welcome' },
      { key, to, template: 'welcome', text },
    ];
    for (const body of [...wrong, { ...words, to: 'ada' }, { ...words, key: 'a b' }, { ...words, subject: 'a\nb' }, { ...words, data: { a: {} } }]) {
      problem(await call('POST', '/api/notifications', { token: ADMIN, body }), 400, 'VALIDATION_FAILED');
    }
  });

  it('answers 404 to an unknown template, 413 to too much and 415 to what is not JSON', async () => {
    const { key, to } = words;
    problem(await call('POST', '/api/notifications', { token: ADMIN, body: { key, to, template: 'nothing' } }), 404, 'TEMPLATE_NOT_FOUND');
    problem(await call('POST', '/api/notifications', { token: ADMIN, body: { ...words, text: 'x'.repeat(1_100_000) } }), 413, 'BODY_TOO_LARGE');
    const headers = { 'content-type': 'text/plain' };
    problem(await call('POST', '/api/notifications', { token: ADMIN, body: words, headers }), 415, 'MEDIA_TYPE_UNSUPPORTED');
  });

  it('answers 503 while the queue is away; the request again is the same message, and it is delivered once', async () => {
    const body = { ...words, key: 'while-away' };
    const other = await startNotification(db, { url: 'smtp://127.0.0.1:9', hasSink: true });
    try {
      await other.queue.stop();
      problem(await call('POST', '/api/notifications', { token: SERVICE, body, of: other }), 503, 'QUEUE_NOT_RUNNING');
    } finally {
      await other.stop();
    }
    const before = smtp.contents.length;
    const { body: accepted, status } = await call('POST', '/api/notifications', { token: SERVICE, body });
    assert.equal(status, 202);
    await waitFor(async () => (await call('GET', `/api/notifications/${String(accepted['id'])}`, { token: ADMIN })).body['state'] === 'sent');
    assert.equal(smtp.contents.length, before + 1);
  });

  it('knows no unknown notification', async () => {
    problem(await call('GET', `/api/notifications/${NOBODY}`, { token: ADMIN }), 404, 'NOTIFICATION_NOT_FOUND');
    problem(await call('GET', '/api/notifications/what', { token: ADMIN }), 400, 'VALIDATION_FAILED');
  });
});

describe('templates', () => {
  it('become a new version with each change, and the newest counts', async () => {
    const url = '/api/notifications/templates/greeting';
    const first = await call('PUT', url, { token: ADMIN, body: template });
    assert.deepEqual([first.status, first.body['version']], [200, 1]);
    const versions = await Promise.all(
      Array.from({ length: 5 }, (_, index) => call('PUT', url, { token: ADMIN, body: { ...template, text: `text ${index}` } })),
    );
    assert.deepEqual(versions.map((answer) => answer.body['version']).toSorted(), [2, 3, 4, 5, 6]);
    await call('PUT', url, { token: ADMIN, body: { locale: 'de', subject: 'Hallo {{ name }}', text: 'Hallo' } });
    const { body } = await call('GET', url, { token: READER });
    const items = body['items'] as { locale: string; version: number }[];
    assert.deepEqual(
      items.map(({ locale, version }) => [locale, version]),
      [
        ['de', 1],
        ['en', 6],
      ],
    );
    const all = (await call('GET', '/api/notifications/templates', { token: READER })).body['items'] as { name: string }[];
    assert.deepEqual([...new Set(all.map(({ name }) => name))].toSorted(), ['greeting', 'welcome']);
  });

  it('are shown with data in the best locale there is', async () => {
    const url = '/api/notifications/templates/shown';
    await call('PUT', url, { token: ADMIN, body: template });
    await call('PUT', url, { token: ADMIN, body: { locale: 'de', subject: 'Hallo {{ name }}', text: 'Hallo' } });
    const data = { name: '<Ada>' };
    const english = await call('POST', `${url}/preview`, { token: READER, body: { data, locale: 'fr' } });
    assert.deepEqual(english.body, { subject: 'Hello <Ada>', text: 'Hello <Ada>', html: '<p>&lt;Ada&gt;</p>' });
    const german = await call('POST', `${url}/preview`, { token: READER, body: { data, locale: 'DE-at' } });
    assert.deepEqual(german.body, { subject: 'Hallo <Ada>', text: 'Hallo' });
    assert.equal((await call('POST', `${url}/preview`, { token: READER, body: {} })).body['subject'], 'Hello');
  });

  it('answer 404 to an unknown name, also when only another locale has it, and 400 to what does not parse', async () => {
    const url = '/api/notifications/templates';
    problem(await call('GET', `${url}/nothing`, { token: ADMIN }), 404, 'TEMPLATE_NOT_FOUND');
    problem(await call('POST', `${url}/nothing/preview`, { token: ADMIN, body: {} }), 404, 'TEMPLATE_NOT_FOUND');
    await call('PUT', `${url}/french`, { token: ADMIN, body: { ...template, locale: 'fr' } });
    problem(await call('POST', `${url}/french/preview`, { token: ADMIN, body: { locale: 'de' } }), 404, 'TEMPLATE_NOT_FOUND');
    problem(await call('PUT', `${url}/broken`, { token: ADMIN, body: { ...template, html: '{% if %}' } }), 400, 'TEMPLATE_INVALID');
    problem(await call('GET', `${url}/broken`, { token: ADMIN }), 404, 'TEMPLATE_NOT_FOUND');
    problem(await call('PUT', `${url}/Upper`, { token: ADMIN, body: template }), 400, 'VALIDATION_FAILED');
    await call('PUT', `${url}/endless`, { token: ADMIN, body: { ...template, text: '{% for a in (1..900000000) %}x{% endfor %}' } });
    problem(await call('POST', `${url}/endless/preview`, { token: ADMIN, body: {} }), 400, 'TEMPLATE_INVALID');
  });
});

describe('the sink', () => {
  it('shows everybody their own mail only, and readers all of it', async () => {
    for (const to of ['ada@noa.example', 'eve@noa.example']) {
      await started.sink.add({ sender: 'noa', recipients: [to], subject: `for ${to}`, text: 't' });
    }
    const url = '/api/notifications/sink/messages';
    const subjects = async (token: string, query = ''): Promise<string[]> => {
      const { status, body } = await call('GET', `${url}${query}`, { token });
      assert.equal(status, 200);
      return (body['items'] as { subject: string }[]).map((item) => item.subject);
    };
    assert.deepEqual(await subjects(ADA), ['for ada@noa.example']);
    assert.deepEqual(await subjects(ADA, '?to=eve@noa.example'), ['for ada@noa.example']);
    assert.deepEqual(await subjects(READER), ['for eve@noa.example', 'for ada@noa.example']);
    assert.deepEqual(await subjects(READER, '?to=EVE@noa.example'), ['for eve@noa.example']);
    assert.deepEqual(await subjects(READER, '?limit=1'), ['for eve@noa.example']);
    problem(await call('GET', `${url}?limit=101`, { token: READER }), 400, 'VALIDATION_FAILED');
  });

  it('answers 404 where mail goes to a real server', async () => {
    const other = await startNotification(db, { url: 'smtp://127.0.0.1:9', hasSink: false });
    try {
      problem(await call('GET', '/api/notifications/sink/messages', { token: ADMIN, of: other }), 404, 'SINK_NOT_PRESENT');
    } finally {
      await other.stop();
    }
  });
});
