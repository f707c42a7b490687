import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isNoaError } from '@noa/core';
import { FEATURES, Support, type QueueCapabilities, type Support as Level } from './capabilities.ts';
import { assertCapable, resolveQueue, type QueueDefinition } from './QueueDefinition.ts';

test('defaults are one attempt and three retries from 1 s to 30 s, a lease of 30 s, dead letters, 90 days', () => {
  assert.deepEqual(resolveQueue({ name: 'jobs' }), {
    name: 'jobs',
    attemptsMax: 4,
    backoff: { baseMs: 1_000, capMs: 30_000 },
    leaseMs: 30_000,
    retentionMs: 90 * 86_400_000,
    deadLetter: true,
  });
});

test('a field outside its limits is refused by its name', () => {
  const bad: readonly (readonly [string, QueueDefinition])[] = [
    ['queue.name', { name: '' }],
    ['queue.name', { name: 'Jobs' }],
    ['queue.name', { name: '1jobs' }],
    ['queue.name', { name: 'jobs.dead' }],
    ['queue.name', { name: 'x'.repeat(64) }],
    ['queue.name', { name: "jobs'; drop table job" }],
    ['attemptsMax', { name: 'jobs', attemptsMax: 0 }],
    ['attemptsMax', { name: 'jobs', attemptsMax: 1.5 }],
    ['leaseMs', { name: 'jobs', leaseMs: 9_999 }],
    ['leaseMs', { name: 'jobs', leaseMs: Number.NaN }],
    ['retentionMs', { name: 'jobs', retentionMs: 1 }],
    ['backoff.baseMs', { name: 'jobs', backoff: { baseMs: 0, capMs: 1 } }],
    ['backoff.capMs', { name: 'jobs', backoff: { baseMs: 10, capMs: 9 } }],
  ];
  for (const [field, definition] of bad) {
    assert.throws(
      () => resolveQueue(definition),
      (error) => isNoaError(error, 'QUEUE_DEFINITION_INVALID') && error.httpStatus === 400 && error.message.includes(field),
      field,
    );
  }
});

function capable(level: Level): QueueCapabilities {
  const features = Object.fromEntries(FEATURES.map((feature) => [feature, { support: level }])) as QueueCapabilities['features'];
  return { provider: 'made-up', engineVersion: '1', acknowledgementSurvives: 'nothing', features };
}

test('native is refused where it is emulated, supported where it is missing', () => {
  const isRefused = (error: unknown): boolean =>
    isNoaError(error, 'QUEUE_CAPABILITY_MISSING') && error.httpStatus === 501 && error.message.includes('delay');
  const plain = { name: 'jobs', deadLetter: false };
  assertCapable({ ...plain, require: { delay: 'native' } }, capable(Support.Native));
  assertCapable({ ...plain, require: { delay: 'supported' } }, capable(Support.Emulated));
  assert.throws(() => assertCapable({ ...plain, require: { delay: 'native' } }, capable(Support.Emulated)), isRefused);
  assert.throws(() => assertCapable({ ...plain, require: { delay: 'supported' } }, capable(Support.Unsupported)), isRefused);
});

test('dead letters are asked for unless the queue does without', () => {
  assert.throws(
    () => assertCapable({ name: 'jobs' }, capable(Support.Unsupported)),
    (error) => isNoaError(error, 'QUEUE_CAPABILITY_MISSING'),
  );
  assertCapable({ name: 'jobs', deadLetter: false }, capable(Support.Unsupported));
});
