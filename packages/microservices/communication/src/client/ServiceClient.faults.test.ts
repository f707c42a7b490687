import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Deadline, runWithContext, systemClock } from '@noa/core';
import { waitFor } from '@noa/testing';
import { Type } from 'typebox';
import { answerJSON, answerProblem, ServiceBed, type InstanceHandler } from '../testkit/ServiceBed.ts';

const hello: InstanceHandler = ({ at }, response) => answerJSON(response, 200, { at });
const silent: InstanceHandler = () => undefined;
const busy: InstanceHandler = (_, response) => answerProblem(response, 503, { code: 'OVERLOADED', retryable: true });

async function setup(t: TestContext, handlers: readonly InstanceHandler[]): Promise<ServiceBed> {
  const bed = await ServiceBed.start(handlers);
  t.after(() => bed.stop());
  return bed;
}

test('a GET whose instance is killed while it works is answered by another', async (t) => {
  const bed = await setup(t, [silent, hello]);
  const call = bed.client.request<{ at: number }>({ method: 'GET', path: '/' });
  await waitFor(() => bed.countAt(0) === 1);
  await bed.kill(0);
  assert.equal((await call).body.at, 1);
});

test('a POST whose instance is killed while it works is SERVICE_UNAVAILABLE and goes to nobody else', async (t) => {
  const bed = await setup(t, [silent, hello]);
  const call = assert.rejects(bed.client.request({ method: 'POST', path: '/', body: {} }), { code: 'SERVICE_UNAVAILABLE', httpStatus: 503 });
  await waitFor(() => bed.countAt(0) === 1);
  await bed.kill(0);
  await call;
  assert.equal(bed.requests.length, 1);
});

test('a service that fails wholly gets less load than there are calls: the breakers close its doors', async (t) => {
  const bed = await setup(t, [busy, busy, busy]);
  const calls = 100;
  for (let index = 0; index < calls; index += 1) {
    await assert.rejects(bed.client.request({ method: 'GET', path: '/', timeoutMs: 300 }));
  }
  for (const at of [0, 1, 2]) assert.equal(bed.countAt(at), 5);
});

test('a caller that had no time left proves nothing against an instance; one that waited its full time does', async (t) => {
  const bed = await setup(t, [silent]);
  const trace = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), isSampled: true };
  const hurried = (): Promise<unknown> =>
    runWithContext({ requestId: 'r', trace, deadline: Deadline.after(systemClock, 20) }, () => bed.client.request({ method: 'GET', path: '/' }));
  for (let index = 0; index < 6; index += 1) await assert.rejects(hurried(), { code: 'DEADLINE_EXCEEDED' });
  assert.equal(bed.upstreams.report()[0]!.consecutiveFailures, 0);
  const before = bed.requests.length;
  await assert.rejects(bed.client.request({ method: 'GET', path: '/', timeoutMs: 60 }), { code: 'DEADLINE_EXCEEDED' });
  assert.equal(bed.upstreams.report()[0]!.consecutiveFailures, 1);
  assert.equal(bed.requests.length, before + 1);
});

test('calls that wait for a connection are bounded per instance: the next one goes elsewhere, or is refused', async (t) => {
  const bed = await setup(t, [silent, silent]);
  const perInstance = 32 + 256;
  const waiting = Array.from({ length: 2 * perInstance }, () => bed.client.request({ method: 'POST', path: '/', timeoutMs: 60_000 }));
  const ended = Promise.allSettled(waiting);
  await waitFor(() => bed.requests.length === 64);
  assert.deepEqual(
    bed.upstreams.report().map(({ inFlight }) => inFlight),
    [perInstance, perInstance],
  );
  await assert.rejects(bed.client.request({ method: 'POST', path: '/' }), { code: 'SERVICE_UNAVAILABLE', retryable: true });
  assert.equal(bed.requests.length, 64);
  await bed.client.stop();
  await ended;
});

test('an answer that is not of the expected schema is SERVICE_ANSWER_INVALID, 502, names the place only, and is not tried again', async (t) => {
  const schema = Type.Object({ at: Type.Integer(), name: Type.String() });
  const bed = await setup(t, [(_, response) => answerJSON(response, 200, { at: 'secret', name: 'n' })]);
  await assert.rejects(bed.client.request({ method: 'GET', path: '/', schema }), (error: Error & { code?: string; httpStatus?: number }) => {
    assert.deepEqual([error.code, error.httpStatus], ['SERVICE_ANSWER_INVALID', 502]);
    assert.match(error.message, /at \/at/);
    assert.doesNotMatch(error.message, /secret/);
    return true;
  });
  assert.equal(bed.requests.length, 1);
  assert.equal(bed.upstreams.report()[0]!.consecutiveFailures, 0);
  await bed.client.request({ method: 'GET', path: '/', schema: Type.Object({ name: Type.Literal('n') }) });
});

test('a problem is no matter of the expected schema', async (t) => {
  const bed = await setup(t, [(_, response) => answerProblem(response, 404, { code: 'USER_NOT_FOUND' })]);
  await assert.rejects(bed.client.request({ method: 'GET', path: '/', schema: Type.Object({ id: Type.String() }) }), { code: 'USER_NOT_FOUND' });
});

test('a caller that gives up ends the call with its own reason, at once, and proves nothing against the instance', async (t) => {
  const bed = await setup(t, [silent]);
  const gone = new Error('the caller went away');
  const controller = new AbortController();
  const call = bed.client.request({ method: 'GET', path: '/', signal: controller.signal });
  const ended = assert.rejects(call, gone);
  await waitFor(() => bed.requests.length === 1);
  controller.abort(gone);
  await ended;
  await assert.rejects(bed.client.request({ method: 'GET', path: '/', signal: controller.signal }), gone);
  assert.equal(bed.requests.length, 1);
  assert.deepEqual(
    bed.upstreams.report().map(({ inFlight, consecutiveFailures }) => [inFlight, consecutiveFailures]),
    [[0, 0]],
  );
});

test('a caller that gives up during the pause before a retry is not kept waiting for it', async (t) => {
  const asks: InstanceHandler = (_, response) => answerProblem(response, 503, { code: 'OVERLOADED', retryable: true }, { 'retry-after': '2' });
  const bed = await setup(t, [asks]);
  const controller = new AbortController();
  const ended = assert.rejects(bed.client.request({ method: 'GET', path: '/', signal: controller.signal }), { message: 'enough' });
  await waitFor(async () => /result="retried"\} 1/.test(await bed.metrics.render()));
  controller.abort(new Error('enough'));
  await ended;
  assert.equal(bed.requests.length, 1);
});

test('a client that stops leaves no bad word about the instances it was calling: others share what is known of them', async (t) => {
  const bed = await setup(t, [silent]);
  const ended = assert.rejects(bed.client.request({ method: 'GET', path: '/' }), { code: 'SERVICE_UNAVAILABLE' });
  await waitFor(() => bed.requests.length === 1);
  await bed.client.stop();
  await ended;
  assert.deepEqual(
    bed.upstreams.report().map(({ inFlight, consecutiveFailures }) => [inFlight, consecutiveFailures]),
    [[0, 0]],
  );
});

test('an instance that leaves may finish the call that it has; the stop of the client ends that too', { timeout: 20_000 }, async (t) => {
  const release = Promise.withResolvers<void>();
  const slow: InstanceHandler = async (request, response) => {
    if (request.url === '/finish') await release.promise;
    if (request.url === '/finish') return hello(request, response);
  };
  const bed = await setup(t, [slow]);
  const finishing = bed.client.request({ method: 'GET', path: '/finish' });
  const hanging = assert.rejects(bed.client.request({ method: 'GET', path: '/hang', timeoutMs: 600_000 }), { code: 'SERVICE_UNAVAILABLE' });
  await waitFor(() => bed.requests.length === 2);
  bed.setInstances([]);
  release.resolve();
  assert.equal((await finishing).status, 200);
  await bed.client.stop();
  await hanging;
});
