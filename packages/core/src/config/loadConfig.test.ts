import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Type } from 'typebox';
import { isNoaError } from '../errors/NoaError.ts';
import { loadConfig, redactConfig } from './loadConfig.ts';

const fields = {
  rate: {
    path: 'gateway.rateLimit.requestsPerSecond',
    env: ['NOA_GATEWAY_RATE_LIMIT', 'RATE_LIMIT_MAX'],
    schema: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
    default: 100,
    about: 'Requests per second.',
  },
  key: { path: 'encryptionKey', env: ['NOA_ENCRYPTION_KEY'], schema: Type.String({ minLength: 32 }), secret: true, about: 'Key.' },
  origins: { path: 'cors.origins', env: ['NOA_CORS'], schema: Type.Array(Type.String()), default: [], about: 'Origins.' },
  isOn: { path: 'metrics.enabled', env: ['METRICS_ENABLED'], schema: Type.Boolean(), default: true, about: 'Metrics.' },
  level: { path: 'log.level', env: ['LOG_LEVEL'], schema: Type.Union([Type.Literal('info'), Type.Literal('warn')]), optional: true, about: 'Level.' },
} as const;
const KEY = 'k'.repeat(32);

function refusal(env: Record<string, string>): string {
  try {
    loadConfig(fields, env);
  } catch (error) {
    assert.ok(isNoaError(error, 'CONFIG_INVALID'));
    return error.message;
  }
  return assert.fail('the configuration was accepted');
}

test('text becomes the type of its schema, and what is not set gets its default', () => {
  const config = loadConfig(fields, {
    NOA_ENCRYPTION_KEY: KEY,
    NOA_GATEWAY_RATE_LIMIT: '250',
    NOA_CORS: 'https://a, https://b',
    METRICS_ENABLED: 'false',
  });
  assert.deepEqual(config, { rate: 250, key: KEY, origins: ['https://a', 'https://b'], isOn: false, level: undefined });
  assert.ok(Object.isFrozen(config));
});

test('the NOA_ name wins over the older one, and an empty value counts as not set', () => {
  assert.equal(loadConfig(fields, { NOA_ENCRYPTION_KEY: KEY, NOA_GATEWAY_RATE_LIMIT: '7', RATE_LIMIT_MAX: '8' }).rate, 7);
  assert.equal(loadConfig(fields, { NOA_ENCRYPTION_KEY: KEY, NOA_GATEWAY_RATE_LIMIT: '', RATE_LIMIT_MAX: '8' }).rate, 8);
});

test('a wrong value is refused with its path, value, expectation and variable', () => {
  const message = refusal({ NOA_ENCRYPTION_KEY: KEY, NOA_GATEWAY_RATE_LIMIT: 'fast' });
  assert.equal(message, 'gateway.rateLimit.requestsPerSecond: expected an integer 1..1000000, got "fast" (NOA_GATEWAY_RATE_LIMIT)');
});

test('all wrong values are named at once, a choice with its options, a missing one as required', () => {
  const message = refusal({ RATE_LIMIT_MAX: '0', LOG_LEVEL: 'loud' });
  assert.deepEqual(message.split('\n'), [
    'gateway.rateLimit.requestsPerSecond: expected an integer 1..1000000, got "0" (RATE_LIMIT_MAX)',
    'encryptionKey: is required (NOA_ENCRYPTION_KEY)',
    'log.level: expected one of "info", "warn", got "loud" (LOG_LEVEL)',
  ]);
});

test('secrets are shown neither in refusals nor when printed, and passwords in URLs are cut out', () => {
  assert.doesNotMatch(refusal({ NOA_ENCRYPTION_KEY: 'too-short' }), /too-short/);
  const printed = redactConfig(
    { ...fields, url: { path: 'url', env: ['U'], schema: Type.String(), about: '' } },
    { key: KEY, url: 'postgres://noa:pw@h/db' },
  );
  assert.deepEqual(printed, { key: '[secret]', url: 'postgres://noa:[secret]@h/db' });
});
