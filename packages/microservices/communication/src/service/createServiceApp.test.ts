import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Type } from 'typebox';
import { createMetrics, currentContext, DEADLINE_HEADER, NoaError, silentLogger, systemClock, TRACEPARENT_HEADER, type Metrics } from '@noa/core';
import { SeededRandom } from '@noa/testing';
import { createServiceApp } from './createServiceApp.ts';
import { Health } from './Health.ts';
import { problemResponses } from './problems.ts';
import type { ServiceApp } from './ServiceDefinition.ts';

let app: ServiceApp;
let health: Health;
let metrics: Metrics;
let base: string;

const Body = Type.Object({ name: Type.String({ maxLength: 4 }), count: Type.Optional(Type.Integer()) }, { additionalProperties: false });

before(async () => {
  health = new Health({ clock: systemClock, logger: silentLogger });
  metrics = createMetrics();
  const random = new SeededRandom(1);
  app = await createServiceApp({
    name: 'sample',
    version: '1.2.3',
    about: 'A sample.',
    publicURL: 'http://localhost:3000',
    clock: systemClock,
    random,
    logger: silentLogger,
    metrics,
    health,
  });
  app.post(
    '/things/:id',
    { schema: { params: Type.Object({ id: Type.Integer() }), body: Body, response: problemResponses(409) } },
    async (request) => {
      const context = currentContext();
      return { id: request.params.id, name: request.body.name, traceId: context?.trace.traceId, leftMs: context?.deadline?.remainingMs() };
    },
  );
  app.get('/fails/:how', async (request) => {
    const { how } = request.params as { how: string };
    if (how === 'typed') throw new NoaError('CONFLICT', { message: 'Already there', httpStatus: 409 });
    if (how === 'busy') throw new NoaError('OVERLOADED', { message: 'Busy', httpStatus: 503, retryable: true, details: { retryAfterMs: 2_400 } });
    throw new Error('password=hunter2 at /srv/app.ts:3');
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const address = app.server.address();
  base = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
});
after(() => app.close());

async function post(
  path: string,
  body: string | Uint8Array,
  headers: Record<string, string> = {},
): Promise<{ status: number; type: string; body: Record<string, unknown>; headers: Headers }> {
  const response = await fetch(`${base}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: body,
  });
  return {
    status: response.status,
    type: response.headers.get('content-type') ?? '',
    body: (await response.json()) as Record<string, unknown>,
    headers: response.headers,
  };
}

test('a handler sees the trace and deadline of its request, after the body has been read', async () => {
  const traceId = '0af7651916cd43dd8448eb211c80319c';
  const answer = await post('/things/7', '{"name":"a"}', {
    [TRACEPARENT_HEADER]: `00-${traceId}-b7ad6b7169203331-01`,
    [DEADLINE_HEADER]: '5000',
    'x-request-id': 'r-1',
  });
  assert.equal(answer.status, 200);
  assert.equal(answer.body['traceId'], traceId);
  assert.ok(Number(answer.body['leftMs']) > 0 && Number(answer.body['leftMs']) <= 5_000);
  assert.equal(answer.headers.get('x-request-id'), 'r-1');
});

test('a request id with strange characters is replaced', async () => {
  const answer = await post('/things/7', '{"name":"a"}', { 'x-request-id': 'a b"c' });
  assert.match(answer.headers.get('x-request-id') ?? '', /^[0-9a-f-]{36}$/);
});

const refused: readonly [string, number, string, string | Uint8Array<ArrayBuffer>, Record<string, string>?, string?][] = [
  ['a wrong type in the path', 400, 'VALIDATION_FAILED', '{"name":"a"}', {}, '/things/x'],
  ['a string that is too long', 400, 'VALIDATION_FAILED', '{"name":"abcde"}'],
  ['a number as text: bodies are not coerced', 400, 'VALIDATION_FAILED', '{"name":"a","count":"1"}'],
  ['an unknown field: nothing is dropped silently', 400, 'VALIDATION_FAILED', '{"name":"a","x":1}'],
  ['a missing body', 400, 'VALIDATION_FAILED', ''],
  ['broken JSON', 400, 'VALIDATION_FAILED', '{"name":'],
  ['a NUL, which PostgreSQL cannot keep', 400, 'VALIDATION_FAILED', '{"name":"\\u0000"}'],
  ['half a surrogate pair, which jsonb cannot keep', 400, 'VALIDATION_FAILED', '{"name":"\\ud800"}'],
  ['bytes that are not UTF-8', 400, 'VALIDATION_FAILED', Uint8Array.of(0x22, 0xff, 0x22)],
  ['__proto__ as a field', 400, 'VALIDATION_FAILED', '{"__proto__":{"a":1},"name":"a"}'],
  ['another media type', 415, 'MEDIA_TYPE_UNSUPPORTED', 'name=a', { 'content-type': 'text/plain' }],
  ['another charset', 415, 'MEDIA_TYPE_UNSUPPORTED', '{"name":"a"}', { 'content-type': 'application/json; charset=latin1' }],
  ['a compressed body', 415, 'MEDIA_TYPE_UNSUPPORTED', '{"name":"a"}', { 'content-encoding': 'gzip' }],
  ['a body over the limit', 413, 'BODY_TOO_LARGE', `{"name":"${'a'.repeat(1_100_000)}"}`],
  ['a NUL in the address', 400, 'REQUEST_INVALID', '{"name":"a"}', {}, '/things/1?x=%00'],
  ['a broken escape in the address', 400, 'REQUEST_INVALID', '{"name":"a"}', {}, '/things/%zz'],
  ['an unknown address', 404, 'NOT_FOUND', '{"name":"a"}', {}, '/nothing'],
];
for (const [what, status, code, body, headers = {}, path = '/things/1'] of refused) {
  test(`${what} is refused with ${status} ${code}`, async () => {
    const answer = await post(path, body, headers);
    assert.equal(answer.status, status);
    assert.equal(answer.type, 'application/problem+json');
    assert.equal(answer.body['code'], code);
    assert.equal(answer.body['status'], status);
  });
}

test('an escaped backslash before u0000 is text, not a NUL', async () => {
  const answer = await post('/things/1', '{"name":"\\\\u0"}');
  assert.equal(answer.status, 200);
});

test('a thrown NoaError keeps its code; a busy one says when to come back; anything else reveals nothing', async () => {
  const typed = await fetch(`${base}/fails/typed`);
  assert.equal(typed.status, 409);
  const busy = await fetch(`${base}/fails/busy`);
  assert.equal(busy.status, 503);
  assert.equal(busy.headers.get('retry-after'), '3');
  const other = await fetch(`${base}/fails/other`);
  assert.equal(other.status, 500);
  assert.doesNotMatch(await other.text(), /hunter2|\/srv/);
  await typed.body?.cancel();
  await busy.body?.cancel();
});

test('readiness follows start, failing checks by name, and drain; liveness knows none of them', async () => {
  const status = async (path: string): Promise<[number, string]> => {
    const response = await fetch(`${base}${path}`);
    return [response.status, ((await response.json()) as { status: string }).status];
  };
  assert.deepEqual(await status('/health/startup'), [503, 'starting']);
  assert.deepEqual(await status('/health/ready'), [503, 'starting']);
  health.serve();
  assert.deepEqual(await status('/health/startup'), [200, 'passing']);
  let isUp = false;
  health.add('engine', async () => {
    if (!isUp) throw new Error('connect 10.0.0.1 refused');
  });
  const failing = await fetch(`${base}/health`);
  const text = await failing.text();
  assert.equal(failing.status, 503);
  assert.match(text, /"name":"engine","isPassing":false/);
  assert.doesNotMatch(text, /10\.0\.0\.1/);
  isUp = true;
  assert.deepEqual(await status('/health/ready'), [200, 'passing']);
  health.drain();
  assert.deepEqual(await status('/health/ready'), [503, 'draining']);
  assert.deepEqual(await status('/health/live'), [200, 'passing']);
});

test('the API document is OpenAPI 3.1 and metrics are labelled by route, not by path', async () => {
  const document = (await (await fetch(`${base}/openapi.json`)).json()) as { openapi: string; paths: Record<string, unknown> };
  assert.equal(document.openapi, '3.1.0');
  assert.ok('/things/{id}' in document.paths);
  const text = await metrics.render();
  assert.match(text, /http_requests_total\{method="POST",route="\/things\/:id",status="200"\} \d/);
  assert.doesNotMatch(text, /things\/7/);
});
