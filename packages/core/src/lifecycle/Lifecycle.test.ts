import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StopStack } from './Lifecycle.ts';

test('parts stop in reverse order, once, however often stop is called', async () => {
  const order: string[] = [];
  const stack = new StopStack();
  for (const name of ['a', 'b', 'c']) stack.defer(async () => void order.push(name));
  await Promise.all([stack.stop(), stack.stop()]);
  assert.deepEqual(order, ['c', 'b', 'a']);
});

test('a failing stop does not keep the others running, and is reported', async () => {
  const order: string[] = [];
  const stack = new StopStack();
  stack.defer(async () => void order.push('first'));
  stack.defer(() => Promise.reject(new Error('one')));
  stack.defer(() => Promise.reject(new Error('two')));
  await assert.rejects(stack.stop(), (error) => error instanceof AggregateError && error.errors.length === 2);
  assert.deepEqual(order, ['first']);
});
