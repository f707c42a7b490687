import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeError, isNoaError, NoaError } from './NoaError.ts';
import { toProblem } from './problem.ts';

test('isNoaError recognises by code, and an error of another copy of the package by its shape', () => {
  const error = new NoaError('SHARD_NOT_FOUND', { message: 'No shard owns this key', httpStatus: 404 });
  assert.equal(isNoaError(error), true);
  assert.equal(isNoaError(error, 'SHARD_NOT_FOUND'), true);
  assert.equal(isNoaError(error, 'OTHER'), false);
  assert.equal(isNoaError(Object.assign(new Error('x'), { name: 'NoaError', code: 'FOREIGN' }), 'FOREIGN'), true);
  assert.equal(isNoaError(new Error('x')), false);
  assert.equal(isNoaError({ name: 'NoaError', code: 'X' }), false);
});

test('describeError names each cause, and an error without a message by its code', () => {
  const inner = Object.assign(new Error(''), { code: 'ECONNREFUSED' });
  const outer = new NoaError('DATABASE_UNAVAILABLE', { message: 'The database is not available', cause: inner });
  assert.equal(describeError(outer), 'The database is not available: ECONNREFUSED');
  assert.equal(describeError('plain'), 'plain');
});

test('a problem shows message and violations but neither details nor cause', () => {
  const error = new NoaError('VALIDATION_FAILED', {
    message: 'The body is not valid',
    details: { sql: 'SELECT secret' },
    cause: new Error('host db-1'),
    httpStatus: 400,
    violations: [{ path: '/a', message: 'must be string' }],
  });
  const problem = toProblem(error, { requestId: 'r1', traceId: 't1' });
  assert.deepEqual(problem, {
    type: 'urn:noa:error:VALIDATION_FAILED',
    title: 'Bad Request',
    status: 400,
    detail: 'The body is not valid',
    code: 'VALIDATION_FAILED',
    retryable: false,
    traceId: 't1',
    requestId: 'r1',
    errors: [{ path: '/a', message: 'must be string' }],
  });
});

test('what is not a NoaError becomes a bare 500 that reveals nothing', () => {
  const problem = toProblem(new TypeError("Cannot read properties of undefined (reading 'password')"));
  assert.equal(problem.status, 500);
  assert.equal(problem.code, 'INTERNAL');
  assert.doesNotMatch(JSON.stringify(problem), /password|undefined/);
});
