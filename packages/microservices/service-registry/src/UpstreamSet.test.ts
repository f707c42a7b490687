import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMetrics } from '@noa/core';
import { LogRecorder, SeededRandom, SimulatedClock } from '@noa/testing';
import type { Instance } from './Instance.ts';
import { sampleInstance } from './providers/RegistryProvider.conformance.ts';
import type { InstancesListener } from './ServiceDiscovery.ts';
import type { Outcome } from './balancing/HeldUpstream.ts';
import { UpstreamSet, type UpstreamReport } from './UpstreamSet.ts';

const FAILED: Outcome = { ok: false, latencyMs: 1 };
const FINE: Outcome = { ok: true, latencyMs: 1 };

function fleet(count: number): Instance[] {
  return Array.from({ length: count }, (_, index) => sampleInstance(`user-${index}`, { port: 4_000 + index }));
}

function setup(instances: readonly Instance[]) {
  const clock = new SimulatedClock();
  const logger = new LogRecorder();
  const metrics = createMetrics();
  const listeners = new Set<InstancesListener>();
  const discovery = {
    onChange: (listener: InstancesListener) => {
      listeners.add(listener);
      listener('user', instances);
      return { stop: async () => void listeners.delete(listener) };
    },
  };
  const set = new UpstreamSet({ service: 'user', discovery, clock, random: new SeededRandom(7), logger, metrics });
  const update = (next: readonly Instance[], service = 'user'): void => listeners.forEach((listener) => listener(service, next));
  const ids = instances.map(({ id }) => id);
  /** Sends one request to `id` by excluding all others. */
  const send = (id: string, outcome: Outcome): void => {
    const lease = set.acquire({ exclude: new Set(ids.filter((other) => other !== id)) });
    assert.equal(lease?.instance.id, id);
    lease.release(outcome);
  };
  const fail = (id: string, times = 5): void => Array.from({ length: times }).forEach(() => send(id, FAILED));
  const reportOf = (id: string): UpstreamReport => set.report().find((report) => report.id === id)!;
  const ejected = (): string[] => set.report().flatMap(({ id, isEjected }) => (isEjected ? [id] : []));
  /** Ids that 200 requests reach. */
  const reached = (): string[] => {
    const seen = new Set<string>();
    for (let index = 0; index < 200; index += 1) {
      const lease = set.acquire()!;
      seen.add(lease.instance.id);
      lease.cancel();
    }
    return [...seen].toSorted();
  };
  return { clock, logger, metrics, set, update, send, fail, reportOf, ejected, reached, listeners };
}

test('picks among the instances of its service and says why', () => {
  const { set, update } = setup(fleet(3));
  update(fleet(5), 'auth');
  assert.equal(set.size, 3);
  const lease = set.acquire()!;
  assert.equal(lease.instance.service, 'user');
  assert.equal(lease.reason, 'p2c-ewma over 3 of 3');
});

test('gives nothing when there is nobody, or everybody is excluded', () => {
  assert.equal(setup([]).set.acquire(), undefined);
  assert.equal(setup(fleet(2)).set.acquire({ exclude: new Set(['user-0', 'user-1']) }), undefined);
});

test('never picks an excluded instance', () => {
  const { set } = setup(fleet(3));
  for (let index = 0; index < 100; index += 1) assert.notEqual(set.acquire({ exclude: new Set(['user-1']) })!.instance.id, 'user-1');
});

test('counts requests in flight; releasing twice, or releasing and cancelling, counts once', () => {
  const { set, reportOf } = setup(fleet(1));
  const first = set.acquire()!;
  const second = set.acquire()!;
  assert.equal(reportOf('user-0').inFlight, 2);
  first.release(FAILED);
  first.release(FAILED);
  first.cancel();
  assert.equal(reportOf('user-0').inFlight, 1);
  assert.equal(reportOf('user-0').consecutiveFailures, 1);
  second.cancel();
  second.cancel();
  second.release(FAILED);
  assert.equal(reportOf('user-0').inFlight, 0);
  assert.equal(reportOf('user-0').consecutiveFailures, 1);
});

test('a cancelled lease says nothing about the instance', () => {
  const { set, reportOf } = setup(fleet(1));
  set.acquire()!.cancel();
  assert.deepEqual(reportOf('user-0'), {
    id: 'user-0',
    host: '127.0.0.1',
    port: 4_000,
    inFlight: 0,
    latencyMs: 0,
    consecutiveFailures: 0,
    isEjected: false,
  });
});

test('latency is what the caller measured, or the time the lease was held when that is not a number', async () => {
  const { clock, set, reportOf } = setup(fleet(1));
  set.acquire()!.release({ ok: true, latencyMs: 12.3456 });
  assert.equal(reportOf('user-0').latencyMs, 12.35);
  const lease = set.acquire()!;
  await clock.advance(40);
  lease.release({ ok: true, latencyMs: Number.NaN });
  assert.equal(reportOf('user-0').latencyMs, 40);
});

test('ejects after five failures in a row, not after four with a success between', async () => {
  const { fail, send, ejected, reached, metrics, logger } = setup(fleet(4));
  fail('user-1', 4);
  send('user-1', FINE);
  fail('user-1', 4);
  assert.deepEqual(ejected(), []);
  fail('user-1', 1);
  assert.deepEqual(ejected(), ['user-1']);
  assert.deepEqual(reached(), ['user-0', 'user-2', 'user-3']);
  assert.match(await metrics.render(), /upstream_ejections_total\{service="user"\} 1/);
  assert.ok(logger.entries.some(({ level }) => level === 'warn'));
});

test('at most a tenth is ejected at once, but one always may be', () => {
  const few = setup(fleet(3));
  few.fail('user-0');
  few.fail('user-1', 20);
  assert.deepEqual(few.ejected(), ['user-0']);
  const many = setup(fleet(25));
  for (let index = 0; index < 5; index += 1) many.fail(`user-${index}`);
  assert.deepEqual(many.ejected(), ['user-0', 'user-1']);
});

test('a lone instance is never ejected, nor left out when it becomes the last one', () => {
  const lone = setup(fleet(1));
  lone.fail('user-0', 20);
  assert.deepEqual(lone.ejected(), []);
  const shrinking = setup(fleet(2));
  shrinking.fail('user-0');
  shrinking.update(fleet(1));
  const lease = shrinking.set.acquire()!;
  assert.equal(lease.instance.id, 'user-0');
  assert.match(lease.reason, /panic: ejection ignored/);
});

test('with less than half left, ejection is ignored', () => {
  const { fail, update, reached, set } = setup(fleet(20));
  fail('user-0');
  fail('user-1');
  update(fleet(4));
  assert.deepEqual(reached(), ['user-2', 'user-3']);
  update(fleet(3));
  assert.deepEqual(reached(), ['user-0', 'user-1', 'user-2']);
  assert.match(set.acquire()!.reason, /panic/);
});

test('the ejected one is the last resort of a request that has tried the others', () => {
  const { fail, set } = setup(fleet(2));
  fail('user-0');
  assert.equal(set.acquire({ exclude: new Set(['user-1']) })!.instance.id, 'user-0');
});

test('returns after 30 s, and stays out longer each time it fails again at once, up to five minutes', async () => {
  const { clock, fail, ejected } = setup(fleet(3));
  for (let round = 1; round <= 12; round += 1) {
    const pauseMs = Math.min(30_000 * round, 300_000);
    fail('user-1');
    await clock.advance(pauseMs - 1);
    assert.deepEqual(ejected(), ['user-1']);
    await clock.advance(1);
    assert.deepEqual(ejected(), [], `not back after ${pauseMs}`);
  }
});

test('good time makes up for old ejections', async () => {
  const { clock, fail, ejected } = setup(fleet(3));
  for (const pauseMs of [30_000, 60_000]) {
    fail('user-1');
    await clock.advance(pauseMs);
  }
  await clock.advance(60_000);
  fail('user-1');
  await clock.advance(30_000);
  assert.deepEqual(ejected(), []);
});

test('failures of requests that began before the ejection do not count after it', async () => {
  const { clock, set, fail, send, ejected, reportOf } = setup(fleet(2));
  const others = new Set(['user-1']);
  const late = Array.from({ length: 10 }, () => set.acquire({ exclude: others })!);
  fail('user-0');
  for (const lease of late) lease.release(FAILED);
  assert.equal(reportOf('user-0').consecutiveFailures, 0);
  await clock.advance(30_000);
  send('user-0', FAILED);
  assert.deepEqual(ejected(), []);
});

test('an update of the list keeps what was measured of those that stay', () => {
  const { set, update, reportOf, fail, ejected } = setup(fleet(3));
  fail('user-1');
  const lease = set.acquire({ exclude: new Set(['user-1', 'user-2']) })!;
  set.acquire({ exclude: new Set(['user-1', 'user-2']) })!.release({ ok: true, latencyMs: 30 });
  update(fleet(4).map((instance) => ({ ...instance, weight: 500 })));
  assert.equal(reportOf('user-0').inFlight, 1);
  assert.equal(reportOf('user-0').latencyMs, 30);
  assert.deepEqual(ejected(), ['user-1']);
  assert.equal(set.acquire()!.instance.weight, 500);
  lease.release(FINE);
  assert.equal(reportOf('user-0').inFlight, 0);
});

test('an instance that restarted at another address starts afresh', () => {
  const { set, update, fail, ejected, reportOf } = setup(fleet(2));
  const lease = set.acquire({ exclude: new Set(['user-1']) })!;
  fail('user-0');
  update([sampleInstance('user-0', { port: 9_000 }), fleet(2)[1]!]);
  assert.deepEqual(ejected(), []);
  lease.release(FAILED);
  assert.deepEqual([reportOf('user-0').inFlight, reportOf('user-0').consecutiveFailures, reportOf('user-0').port], [0, 0, 9_000]);
});

test('an instance that joins others starts slowly, the first ones do not', async () => {
  const { clock, set, update } = setup([]);
  update(fleet(1));
  assert.equal(set.acquire()!.instance.id, 'user-0');
  update(fleet(2));
  const counts = { 'user-0': 0, 'user-1': 0 } as Record<string, number>;
  for (let index = 0; index < 22; index += 1) counts[set.acquire()!.instance.id]! += 1;
  assert.ok(counts['user-1']! >= 1 && counts['user-1']! <= 3, JSON.stringify(counts));
  await clock.advance(10_000);
  for (let index = 0; index < 22; index += 1) counts[set.acquire()!.instance.id]! += 1;
  assert.ok(Math.abs(counts['user-0']! - counts['user-1']!) <= 2, JSON.stringify(counts));
});

test('explains what each instance has coming: candidate, left out and for how long, in slow start', async () => {
  const { clock, set, fail, update } = setup(fleet(3));
  fail('user-1');
  await clock.advance(4_000);
  update(fleet(4));
  await clock.advance(4_000);
  const { service, balancer, isPanic, instances } = set.explain();
  assert.deepEqual([service, balancer, isPanic], ['user', 'p2c-ewma', false]);
  assert.deepEqual(
    instances.map(({ id, standing }) => `${id}: ${standing}`),
    [
      'user-0: candidate',
      'user-1: left out for 22000 ms more: failures in a row, ejection 1',
      'user-2: candidate',
      'user-3: candidate, at 40 % of a share (slow start)',
    ],
  );
  update(fleet(3).slice(1, 2));
  assert.equal(set.explain().isPanic, true);
  assert.equal(set.explain().instances[0]!.standing, 'candidate though ejected (panic)');
});

test('a lease keeps the instance and the reason of its moment', () => {
  const { set, update } = setup(fleet(1));
  const lease = set.acquire()!;
  update(fleet(2).map((instance) => ({ ...instance, version: 'next' })));
  assert.equal(lease.instance.version, fleet(1)[0]!.version);
  assert.equal(lease.reason, 'p2c-ewma over 1 of 1');
});

test('changed() resolves at the next list, or when the caller gives up', async () => {
  const { set, update } = setup(fleet(1));
  const controller = new AbortController();
  const heard: string[] = [];
  const first = set.changed(controller.signal).then(() => void heard.push('list'));
  update(fleet(2), 'auth');
  assert.equal(heard.length, 0);
  update(fleet(2));
  await first;
  const second = set.changed(controller.signal).then(() => void heard.push('abort'));
  controller.abort();
  await second;
  await set.changed(controller.signal);
  assert.deepEqual(heard, ['list', 'abort']);
});

test('listens no more after the stop', async () => {
  const { set, listeners } = setup(fleet(1));
  await set.stop();
  assert.equal(listeners.size, 0);
});
