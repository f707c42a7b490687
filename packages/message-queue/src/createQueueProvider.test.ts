import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isNoaError, silentLogger } from '@noa/core';
import { SeededRandom, SimulatedClock } from '@noa/testing';
import { createQueueProvider } from './createQueueProvider.ts';

const options = { clock: new SimulatedClock(), random: new SeededRandom(1), logger: silentLogger };

test('a URL without a provider is refused, saying what there is, and never repeating the URL with its secrets', async () => {
  for (const url of ['amqp://u:hunter2@h', 'kafka://h', 'redis://:hunter2@h', 'sqs://eu-central-1', 'mysql://u:hunter2@h', 'nonsense', '']) {
    await assert.rejects(
      createQueueProvider(url, options),
      (error) =>
        isNoaError(error, 'QUEUE_PROVIDER_UNKNOWN') &&
        /postgres:\/\/ only/.test(error.message) &&
        !JSON.stringify([error.message, error.details]).includes('hunter2'),
      url,
    );
  }
});

test('a provider that was not started refuses to work and can be stopped', async () => {
  const provider = await createQueueProvider('postgres://u:p@127.0.0.1:1/db', options);
  await assert.rejects(provider.capabilities(), (error) => isNoaError(error, 'QUEUE_NOT_RUNNING') && error.httpStatus === 503);
  await provider.stop();
});
