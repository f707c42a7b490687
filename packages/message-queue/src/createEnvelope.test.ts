import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatTraceparent, isNoaError, isUUID, newTrace, runWithContext } from '@noa/core';
import { SeededRandom, SimulatedClock } from '@noa/testing';
import { createEnvelope, ENVELOPE_ID_LENGTH_MAX } from './createEnvelope.ts';

const parts = { type: 'user.registered', source: 'noa/user', data: { a: 1 }, clock: new SimulatedClock(0), random: new SeededRandom(1) };

test('an envelope is a CloudEvent with a new id, dated now, without what was not given', () => {
  const { id, ...rest } = createEnvelope(parts);
  assert.ok(isUUID(id));
  assert.deepEqual(rest, {
    specversion: '1.0',
    source: 'noa/user',
    type: 'user.registered',
    time: '1970-01-01T00:00:00.000Z',
    datacontenttype: 'application/json',
    data: { a: 1 },
  });
});

test('it carries the given id, subject and key, and the trace of the request being handled', () => {
  const trace = newTrace(parts.random);
  const envelope = runWithContext({ requestId: 'r', trace }, () =>
    createEnvelope({ ...parts, id: 'mine', subject: 'user/1', partitionkey: 'user/1' }),
  );
  assert.deepEqual(
    [envelope.id, envelope.subject, envelope.partitionkey, envelope.traceparent],
    ['mine', 'user/1', 'user/1', formatTraceparent(trace)],
  );
});

test('a type that is no topic and an id without or with too many characters are refused', () => {
  const bad = [
    { type: '' },
    { type: 'user.*' },
    { type: 'a b' },
    { type: '.a' },
    { type: 'x'.repeat(201) },
    { id: '' },
    { id: 'x'.repeat(ENVELOPE_ID_LENGTH_MAX + 1) },
  ];
  for (const wrong of bad) {
    assert.throws(
      () => createEnvelope({ ...parts, ...wrong }),
      (error) => isNoaError(error, 'QUEUE_DEFINITION_INVALID') && error.httpStatus === 400,
      JSON.stringify(wrong),
    );
  }
});
