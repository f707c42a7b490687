import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isNoaError, loadConfig } from '@noa/core';
import { gatewayConfig } from './config.ts';
import { ClientAddress } from './policies/ClientAddress.ts';

const TOKEN = { NOA_ADMIN_TOKEN: 'an-admin-token-for-tests' };

test('has defaults for one machine, and only the admin token has none', () => {
  const config = loadConfig(gatewayConfig, TOKEN);
  assert.deepEqual(
    [config.port, config.adminPort, config.adminHost, config.rateLimitPerSecond, config.bodyBytesMax],
    [3_000, 3_010, '127.0.0.1', 100, 10_485_760],
  );
  assert.throws(() => loadConfig(gatewayConfig, {}), /gateway\.admin\.token: is required \(NOA_ADMIN_TOKEN\)/);
});

test('a wrong value is named with its path, the value, the expectation and the variable; the token is not shown', () => {
  assert.throws(
    () => loadConfig(gatewayConfig, { ...TOKEN, NOA_GATEWAY_RATE_LIMIT: 'fast' }),
    /gateway\.rateLimit\.requestsPerSecond: expected an integer 1\.\.1000000, got "fast" \(NOA_GATEWAY_RATE_LIMIT\)/,
  );
  assert.throws(
    () => loadConfig(gatewayConfig, { NOA_ADMIN_TOKEN: 'short' }),
    (error) => isNoaError(error) && !error.message.includes('short'),
  );
  assert.throws(() => loadConfig(gatewayConfig, { ...TOKEN, NOA_GATEWAY_CORS_ORIGINS: 'example.com' }), /gateway\.corsOrigins/);
});

test('a trusted proxy that is no address or network stops the start', () => {
  for (const proxy of ['proxy.example', '10.0.0.0/33', '10.0.0.0/x', '::/129']) {
    assert.throws(
      () => new ClientAddress([proxy]),
      (error) => isNoaError(error, 'CONFIG_INVALID') && error.message.includes(proxy),
    );
  }
});
