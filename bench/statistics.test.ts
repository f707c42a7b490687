import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { percentilesOf, renderHistogram } from './statistics.ts';

test('percentiles are values that occurred, by nearest rank', () => {
  const values = Array.from({ length: 100 }, (_, index) => 100 - index);
  assert.deepEqual(percentilesOf(values), { p50: 50, p95: 95, p99: 99, max: 100 });
  assert.deepEqual(percentilesOf([7]), { p50: 7, p95: 7, p99: 7, max: 7 });
});

test('a share of at least the percentile lies at or below it', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1 }), (values) => {
      const { p95 } = percentilesOf(values);
      assert.ok(values.filter((value) => value <= p95).length >= values.length * 0.95);
    }),
  );
});

test('the counts of the histogram add up, whatever the values', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ noNaN: true, noDefaultInfinity: true, min: -10, max: 1e5 }), { minLength: 1 }), (values) => {
      const counted = [...renderHistogram(values).matchAll(/(?:ms|more) +(\d+)/g)].reduce((sum, match) => sum + Number(match[1]), 0);
      assert.equal(counted, values.length);
    }),
  );
});

test('the histogram counts each value once and leaves empty ends out', () => {
  const text = renderHistogram([1.5, 1.7, 3, 30]);
  assert.deepEqual(
    text.split('\n').map((line) => line.replace(/\s*█*$/, '').replaceAll(/\s+/g, ' ')),
    ['< 2 ms 2', '< 5 ms 1', '< 10 ms 0', '< 20 ms 0', '< 50 ms 1'],
  );
});
