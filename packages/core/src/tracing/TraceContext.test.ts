import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '@noa/testing';
import { currentContext, runWithContext } from './RequestContext.ts';
import { childTrace, formatTraceparent, newTrace, parseTraceparent } from './TraceContext.ts';

const VALID = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

test('a valid traceparent is read and written back unchanged', () => {
  const trace = parseTraceparent(VALID);
  assert.ok(trace !== undefined);
  assert.equal(formatTraceparent(trace), VALID);
});

test('malformed, all-zero, version-ff and over-long version-00 values are ignored; a future version is read', () => {
  const bad = [
    undefined,
    '',
    'x',
    VALID.toUpperCase(),
    VALID.replace('00-', 'ff-'),
    `${VALID}-extra`,
    VALID.replace('0af7651916cd43dd8448eb211c80319c', '0'.repeat(32)),
    VALID.replace('b7ad6b7169203331', '0'.repeat(16)),
  ];
  for (const value of bad) assert.equal(parseTraceparent(value), undefined, String(value));
  assert.equal(parseTraceparent(`${VALID.replace('00-', '01-')}-more`)?.spanId, 'b7ad6b7169203331');
});

test('a child keeps the trace and gets a span of its own', () => {
  const random = new SeededRandom(3);
  const root = newTrace(random);
  const child = childTrace(root, random);
  assert.equal(child.traceId, root.traceId);
  assert.notEqual(child.spanId, root.spanId);
});

test('the context follows every await inside and is gone outside', async () => {
  const context = { requestId: 'r', trace: newTrace(new SeededRandom(4)) };
  await runWithContext(context, async () => {
    await Promise.resolve();
    assert.equal(currentContext(), context);
  });
  assert.equal(currentContext(), undefined);
});
