import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { systemClock } from '@noa/core';
import { answerJSON, answerProblem, ServiceBed, type BedOptions, type InstanceHandler, type ReceivedRequest } from '../testkit/ServiceBed.ts';

const hello: InstanceHandler = ({ at }, response) => answerJSON(response, 200, { at });
const reset: InstanceHandler = (_, response) => void response.socket!.resetAndDestroy();
const busy: InstanceHandler = (_, response) => answerProblem(response, 503, { code: 'OVERLOADED', retryable: true });

async function setup(t: TestContext, handlers: readonly InstanceHandler[], options: BedOptions = {}): Promise<ServiceBed> {
  const bed = await ServiceBed.start(handlers, options);
  t.after(() => bed.stop());
  return bed;
}

/** Answers with `first` at the first request, then with `hello`. */
function once(first: InstanceHandler): InstanceHandler {
  let count = 0;
  return (request, response) => ((count += 1) === 1 ? first : hello)(request, response);
}

for (const method of ['GET', 'POST'] as const) {
  test(`${method}: an instance that refuses connections is passed over: nothing was sent`, async (t) => {
    const bed = await setup(t, [hello, hello]);
    await bed.kill(0);
    for (let index = 0; index < 4; index += 1) {
      const { body } = await bed.client.request<{ at: number }>({ method, path: '/' });
      assert.equal(body.at, 1);
    }
    assert.equal(bed.requests.length, 4);
  });
}

test('when every instance refuses, the call is SERVICE_UNAVAILABLE after three tries', async (t) => {
  const bed = await setup(t, [hello, hello]);
  await bed.kill(0);
  await bed.kill(1);
  await assert.rejects(bed.client.request({ method: 'POST', path: '/' }), { code: 'SERVICE_UNAVAILABLE', httpStatus: 503, retryable: true });
  assert.match(await bed.metrics.render(), /result="failed"\} 3/);
});

test('a POST whose connection breaks is not repeated: it may have been done', async (t) => {
  const { client, requests } = await setup(t, [reset, hello]);
  await assert.rejects(client.request({ method: 'POST', path: '/', body: {} }), { code: 'SERVICE_UNAVAILABLE' });
  assert.equal(requests.length, 1);
});

test('a PATCH is not repeated either, nor a POST that was answered 503', async (t) => {
  const { client, requests } = await setup(t, [reset, busy]);
  await assert.rejects(client.request({ method: 'PATCH', path: '/', body: {} }), { code: 'SERVICE_UNAVAILABLE' });
  await assert.rejects(client.request({ method: 'POST', path: '/', body: {} }), { code: 'OVERLOADED' });
  assert.equal(requests.length, 2);
});

test('a POST with an idempotency key is repeated at another instance, with the same key and body', async (t) => {
  const { client, requests } = await setup(t, [reset, hello]);
  await client.request({ method: 'POST', path: '/', body: { n: 1 }, idempotencyKey: 'key-1' });
  const seen = ({ at, headers, body }: ReceivedRequest): unknown[] => [at, headers['idempotency-key'], body];
  assert.deepEqual(requests.map(seen), [
    [0, 'key-1', '{"n":1}'],
    [1, 'key-1', '{"n":1}'],
  ]);
});

for (const method of ['GET', 'HEAD', 'PUT', 'DELETE'] as const) {
  test(`${method}: a broken connection is repeated at another instance`, async (t) => {
    const { client, requests } = await setup(t, [reset, (_, response) => void response.writeHead(204).end()]);
    assert.equal((await client.request({ method, path: '/' })).status, 204);
    assert.deepEqual(
      requests.map(({ at }) => at),
      [0, 1],
    );
  });
}

test('the second try goes to another instance, whatever the balancer would say', async (t) => {
  const bed = await setup(t, [reset, hello], { balancer: 'weighted' });
  bed.setInstances(bed.instances.map((instance, index) => ({ ...instance, weight: index === 0 ? 1_000 : 1 })));
  assert.deepEqual((await bed.client.request<{ at: number }>({ method: 'GET', path: '/' })).body, { at: 1 });
  assert.deepEqual(
    bed.requests.map(({ at }) => at),
    [0, 1],
  );
});

test('a lone instance is tried again', async (t) => {
  const { client, requests } = await setup(t, [once(reset)]);
  assert.equal((await client.request({ method: 'GET', path: '/' })).status, 200);
  assert.equal(requests.length, 2);
});

test('each try has a span of its own and less time', async (t) => {
  const { client, requests } = await setup(t, [once(busy)]);
  await client.request({ method: 'GET', path: '/' });
  const [first, second] = requests as [ReceivedRequest, ReceivedRequest];
  assert.notEqual(first.headers['traceparent'], second.headers['traceparent']);
  assert.ok(Number(second.headers['noa-timeout-ms']) <= Number(first.headers['noa-timeout-ms']));
});

test('503 with Retry-After: a GET comes back after that pause', async (t) => {
  const times: number[] = [];
  const note = (inner: InstanceHandler): InstanceHandler => {
    return (request, response) => {
      times.push(systemClock.monotonicMs());
      return inner(request, response);
    };
  };
  const asks: InstanceHandler = (_, response) => answerProblem(response, 503, { code: 'OVERLOADED', retryable: true }, { 'retry-after': '1' });
  const { client } = await setup(t, [note(once(asks))]);
  assert.equal((await client.request({ method: 'GET', path: '/' })).status, 200);
  // Timers may fire up to a millisecond early.
  assert.ok(times[1]! - times[0]! >= 998, `${times[1]! - times[0]!} ms`);
});

for (const [name, retryAfter, timeoutMs] of [
  ['longer than we wait inside a call', '3', 10_000],
  ['longer than the deadline', '2', 1_000],
] as const) {
  test(`503 with a Retry-After that is ${name} ends the call at once`, async (t) => {
    const { client, requests } = await setup(t, [
      (_, response) => answerProblem(response, 503, { code: 'OVERLOADED', retryable: true }, { 'retry-after': retryAfter }),
    ]);
    await assert.rejects(client.request({ method: 'GET', path: '/', timeoutMs }), { code: 'OVERLOADED', httpStatus: 503 });
    assert.equal(requests.length, 1);
  });
}

test('a 503 that is not ours is repeated, a problem that says it is not retryable is not', async (t) => {
  const foreign = await setup(t, [once((_, response) => void response.writeHead(503).end('busy'))]);
  assert.equal((await foreign.client.request({ method: 'GET', path: '/' })).status, 200);
  const silent = await setup(t, [once((_, response) => answerProblem(response, 503, { code: 'MAINTENANCE' }))]);
  assert.equal((await silent.client.request({ method: 'GET', path: '/' })).status, 200);
  const final = await setup(t, [once((_, response) => answerProblem(response, 503, { code: 'GONE_FOR_GOOD', retryable: false }))]);
  await assert.rejects(final.client.request({ method: 'GET', path: '/' }), { code: 'GONE_FOR_GOOD' });
  assert.equal(final.requests.length, 1);
});

test('the breaker opens per instance: the bad one is left alone, the good one goes on', async (t) => {
  const { client, countAt, requests } = await bound(t, [reset, hello]);
  for (let index = 0; index < 40; index += 1) await client.request({ method: 'GET', path: '/' });
  assert.equal(countAt(0), 5);
  assert.equal(requests.length, 45);
});

test('with every breaker open the call fails without a request', async (t) => {
  const { client, requests, setInstances, instances } = await bound(t, [reset]);
  while (requests.length < 5) await assert.rejects(client.request({ method: 'POST', path: '/' }), { code: 'SERVICE_UNAVAILABLE' });
  await assert.rejects(client.request({ method: 'POST', path: '/' }), { code: 'SERVICE_UNAVAILABLE' });
  assert.equal(requests.length, 5);
  // One that left and came back is another one.
  setInstances([]);
  setInstances(instances);
  await assert.rejects(client.request({ method: 'POST', path: '/' }), { code: 'SERVICE_UNAVAILABLE' });
  assert.equal(requests.length, 6);
});

test('under a failing service the load is at most 1.2 times the calls plus ten tries a second', async (t) => {
  // Two of five requests fail: not enough for a breaker, and without a budget it would be 1.6 tries per call.
  const flaky = (): InstanceHandler => {
    let count = 0;
    return (request, response) => ((count += 1) % 5 < 2 ? busy : hello)(request, response);
  };
  const { client, requests } = await setup(t, [flaky(), flaky(), flaky()]);
  const calls = 900;
  const startedMs = systemClock.monotonicMs();
  let failed = 0;
  const worker = async (): Promise<void> => {
    for (let index = 0; index < calls / 30; index += 1) await client.request({ method: 'GET', path: '/' }).catch(() => (failed += 1));
  };
  await Promise.all(Array.from({ length: 30 }, worker));
  const elapsedSeconds = (systemClock.monotonicMs() - startedMs) / 1_000;
  const bound = calls * 1.2 + 10 + 10 * elapsedSeconds;
  assert.ok(requests.length >= calls && requests.length <= bound, `${requests.length} requests of ${calls} calls, bound ${bound}`);
  assert.ok(failed > 0, 'the budget was never needed');
});

async function bound(t: TestContext, handlers: readonly InstanceHandler[]) {
  const bed = await setup(t, handlers);
  const { client, requests, instances } = bed;
  return { client, requests, instances, countAt: bed.countAt.bind(bed), setInstances: bed.setInstances.bind(bed) };
}
