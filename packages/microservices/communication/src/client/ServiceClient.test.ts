import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Deadline, DEADLINE_HEADER, isNoaError, NoaError, parseTraceparent, runWithContext, systemClock, uuidv7 } from '@noa/core';
import { SeededRandom, SimulatedClock, waitFor } from '@noa/testing';
import { answerJSON, answerProblem, ServiceBed, type BedOptions, type InstanceHandler } from '../testkit/ServiceBed.ts';

const hello: InstanceHandler = ({ at, url }, response) => answerJSON(response, 200, { at, url });
const silent: InstanceHandler = () => undefined;

async function setup(t: TestContext, handlers: readonly InstanceHandler[], options: BedOptions = {}): Promise<ServiceBed> {
  const bed = await ServiceBed.start(handlers, options);
  t.after(() => bed.stop());
  return bed;
}

test('sends method, path, query, headers and a JSON body, and gives back status, headers and the parsed answer', async (t) => {
  const { client, requests } = await setup(t, [({ body }, response) => answerJSON(response, 201, JSON.parse(body), { 'x-made': 'yes' })]);
  const answer = await client.request<{ name: string }>({ method: 'POST', path: '/things?x=1', body: { name: 'ä' }, headers: { 'x-own': 'v' } });
  assert.equal(answer.status, 201);
  assert.equal(answer.headers['x-made'], 'yes');
  assert.deepEqual(answer.body, { name: 'ä' });
  assert.equal(requests[0]!.method, 'POST');
  assert.equal(requests[0]!.url, '/things?x=1');
  assert.equal(requests[0]!.headers['content-type'], 'application/json');
  assert.equal(requests[0]!.headers['x-own'], 'v');
});

test('an answer without a body is undefined', async (t) => {
  const { client } = await setup(t, [(_, response) => void response.writeHead(204).end()]);
  assert.deepEqual((await client.request({ method: 'DELETE', path: '/' })).body, undefined);
});

test('hands on what is left of the deadline, the trace one hop deeper, and the request id', async (t) => {
  const { client, requests } = await setup(t, [hello]);
  const random = new SeededRandom(1);
  const trace = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), isSampled: false };
  const context = { requestId: uuidv7(systemClock, random), trace, deadline: Deadline.after(systemClock, 5_000) };
  await runWithContext(context, () => client.request({ method: 'GET', path: '/', timeoutMs: 60_000 }));
  const { headers } = requests[0]!;
  assert.equal(headers['x-request-id'], context.requestId);
  const received = parseTraceparent(headers['traceparent'] as string)!;
  assert.equal(received.traceId, trace.traceId);
  assert.notEqual(received.spanId, trace.spanId);
  assert.equal(received.isSampled, false);
  const leftMs = Number(headers[DEADLINE_HEADER]);
  assert.ok(leftMs > 0 && leftMs <= 5_000, `${leftMs}`);
});

test("without a context it begins a trace and a request id; its own time counts when it is shorter than the caller's", async (t) => {
  const { client, requests } = await setup(t, [hello]);
  await client.request({ method: 'GET', path: '/' });
  assert.ok(parseTraceparent(requests[0]!.headers['traceparent'] as string) !== undefined);
  assert.match(requests[0]!.headers['x-request-id'] as string, /^[0-9a-f-]{36}$/);
  assert.ok(Number(requests[0]!.headers[DEADLINE_HEADER]) <= 10_000);
  const trace = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), isSampled: true };
  const context = { requestId: 'r', trace, deadline: Deadline.after(systemClock, 60_000) };
  await runWithContext(context, () => client.request({ method: 'GET', path: '/', timeoutMs: 700 }));
  assert.ok(Number(requests[1]!.headers[DEADLINE_HEADER]) <= 700);
});

test('a slow service gives DEADLINE_EXCEEDED, 504, by the shorter of both deadlines', async (t) => {
  const { client } = await setup(t, [silent]);
  const expected = { code: 'DEADLINE_EXCEEDED', httpStatus: 504, retryable: true };
  await assert.rejects(client.request({ method: 'GET', path: '/', timeoutMs: 100 }), expected);
  const trace = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), isSampled: true };
  const context = { requestId: 'r', trace, deadline: Deadline.after(systemClock, 100) };
  await assert.rejects(
    runWithContext(context, () => client.request({ method: 'GET', path: '/', timeoutMs: 600_000 })),
    expected,
  );
});

test('an answer that stops half-way is late too, and a deadline that is over sends nothing', async (t) => {
  const { client, requests } = await setup(t, [(_, response) => void response.writeHead(200).write('{"half":')]);
  await assert.rejects(client.request({ method: 'GET', path: '/', timeoutMs: 150 }), { code: 'DEADLINE_EXCEEDED' });
  assert.equal(requests.length, 1);
  await assert.rejects(client.request({ method: 'GET', path: '/', timeoutMs: 0 }), { code: 'DEADLINE_EXCEEDED' });
  assert.equal(requests.length, 1);
});

test('the token is asked for with each try and sent as a bearer', async (t) => {
  let asked = 0;
  const { client, requests } = await setup(t, [hello], { token: async () => `token-${(asked += 1)}` });
  await client.request({ method: 'GET', path: '/' });
  await client.request({ method: 'GET', path: '/' });
  assert.deepEqual(
    requests.map(({ headers }) => headers.authorization),
    ['Bearer token-1', 'Bearer token-2'],
  );
});

test('a token that cannot be had fails the call as it is, and speaks against no instance', async (t) => {
  let isAway = true;
  const token = async (): Promise<string> => {
    if (isAway) throw new NoaError('SERVICE_UNAVAILABLE', { message: 'auth is away', retryable: true, httpStatus: 503 });
    return 'token';
  };
  const { client, upstreams, requests } = await setup(t, [hello, hello], { token });
  for (let index = 0; index < 10; index += 1) {
    await assert.rejects(client.request({ method: 'GET', path: '/' }), { code: 'SERVICE_UNAVAILABLE', message: 'auth is away' });
  }
  assert.equal(requests.length, 0);
  assert.ok(upstreams.report().every(({ consecutiveFailures, isEjected, inFlight }) => consecutiveFailures === 0 && !isEjected && inFlight === 0));
  isAway = false;
  assert.equal((await client.request({ method: 'GET', path: '/' })).status, 200);
});

test('a problem becomes an error with the same code, status, message and violations', async (t) => {
  const errors = [{ path: '/email', message: 'must be an e-mail address' }];
  const { client, upstreams } = await setup(t, [
    (_, response) => answerProblem(response, 422, { code: 'VALIDATION_FAILED', detail: 'Wrong input', errors, retryable: false }),
  ]);
  await assert.rejects(client.request({ method: 'POST', path: '/', body: {} }), (error) => {
    assert.ok(isNoaError(error, 'VALIDATION_FAILED'));
    assert.deepEqual([error.httpStatus, error.message, error.retryable, error.violations], [422, 'Wrong input', false, errors]);
    return true;
  });
  assert.equal(upstreams.report()[0]!.consecutiveFailures, 0);
});

for (const [name, handler, expected] of [
  ['text instead of JSON', (_, response) => void response.end('<html>'), { code: 'SERVICE_ANSWER_INVALID', httpStatus: 502 }],
  ['a 404 without a problem', (_, response) => answerJSON(response, 404, { error: 'no' }), { code: 'SERVICE_ANSWER_INVALID', httpStatus: 502 }],
  [
    'a problem whose code is not text',
    (_, response) => answerProblem(response, 409, { code: 7, errors: 'x' }),
    { code: 'SERVICE_ANSWER_INVALID', httpStatus: 502 },
  ],
  ['a 500 without a problem', (_, response) => void response.writeHead(500).end('oops'), { code: 'SERVICE_UNAVAILABLE', httpStatus: 503 }],
] as readonly (readonly [string, InstanceHandler, object])[]) {
  test(`${name} is ${JSON.stringify(expected)} and speaks against no instance`, async (t) => {
    const { client, upstreams } = await setup(t, [handler]);
    await assert.rejects(client.request({ method: 'POST', path: '/' }), expected);
    assert.equal(upstreams.report()[0]!.consecutiveFailures, 0);
  });
}

test('an answer above its bound is SERVICE_ANSWER_INVALID, and is not read to its end', async (t) => {
  const { client } = await setup(t, [
    (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const more = (): void => {
        while (!response.destroyed && response.write('x'.repeat(1_000)));
      };
      response.on('drain', more);
      more();
    },
  ]);
  await assert.rejects(client.request({ method: 'GET', path: '/', bytesMax: 10_000 }), { code: 'SERVICE_ANSWER_INVALID', httpStatus: 502 });
  const exact = await setup(t, [(_, response) => answerJSON(response, 200, 'x'.repeat(8))]);
  assert.equal((await exact.client.request({ method: 'GET', path: '/', bytesMax: 10 })).status, 200);
  await assert.rejects(exact.client.request({ method: 'GET', path: '/', bytesMax: 9 }), { code: 'SERVICE_ANSWER_INVALID' });
});

test('without an instance the call is SERVICE_UNAVAILABLE, 503', async (t) => {
  const { client, setInstances } = await boundBed(t, []);
  setInstances([]);
  await assert.rejects(client.request({ method: 'GET', path: '/' }), { code: 'SERVICE_UNAVAILABLE', httpStatus: 503, retryable: true });
});

test('an instance that appears while the call backs off is used', async (t) => {
  const clock = new SimulatedClock();
  const bed = await setup(t, [hello], { clock });
  const { instances } = bed;
  bed.setInstances([]);
  const call = bed.client.request({ method: 'POST', path: '/' });
  await clock.advance(0);
  bed.setInstances(instances);
  await clock.advance(50);
  assert.equal((await call).status, 200);
});

test('counts calls by result', async (t) => {
  const { client, metrics } = await setup(t, [hello]);
  await client.request({ method: 'GET', path: '/' });
  assert.match(await metrics.render(), /service_client_requests_total\{service="hello",result="200"\} 1/);
});

test('after the stop calls are refused, and one in progress ends', async (t) => {
  const { client, requests } = await setup(t, [silent]);
  const call = assert.rejects(client.request({ method: 'GET', path: '/' }), { code: 'SERVICE_UNAVAILABLE' });
  await waitFor(() => requests.length === 1);
  await client.stop();
  await call;
  await assert.rejects(client.request({ method: 'GET', path: '/' }), { code: 'SERVICE_UNAVAILABLE' });
  assert.equal(requests.length, 1);
});

async function boundBed(t: TestContext, handlers: readonly InstanceHandler[]) {
  const bed = await setup(t, handlers);
  return { client: bed.client, setInstances: bed.setInstances.bind(bed) };
}
