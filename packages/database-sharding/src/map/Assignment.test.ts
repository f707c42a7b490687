import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BUCKET_COUNT } from '../hash/bucketOf.ts';
import { compressOwners, diffAssignments, expandAssignment, splitEvenly, type Assignment } from './Assignment.ts';

const ids = (count: number): string[] => Array.from({ length: count }, (_, index) => `shard-${index}`);
const anyOwners = fc.array(fc.tuple(fc.constantFrom(...ids(5)), fc.integer({ min: 1, max: 500 })), { minLength: 1, maxLength: 60 }).map((runs) => {
  const owners = runs.flatMap(([id, length]) => Array.from({ length }, () => id)).slice(0, BUCKET_COUNT);
  return [...owners, ...Array.from({ length: BUCKET_COUNT - owners.length }, () => 'shard-0')];
});

test('run lengths survive the round trip and name neighbours differently', () => {
  fc.assert(
    fc.property(anyOwners, (owners) => {
      const runs = compressOwners(owners);
      assert.deepEqual(expandAssignment(runs), owners);
      for (const [index, run] of runs.entries()) assert.notEqual(runs[index - 1]?.[0], run[0]);
    }),
  );
});

test('an even split gives each shard its share, differing by at most one bucket', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: BUCKET_COUNT }), (count) => {
      const split = splitEvenly(ids(count));
      const shares = split.map(([, buckets]) => buckets);
      assert.ok(Math.max(...shares) - Math.min(...shares) <= 1);
      assert.equal(expandAssignment(split).length, BUCKET_COUNT);
      assert.deepEqual(
        split.map(([id]) => id),
        ids(count),
      );
    }),
  );
});

test('with 2^k shards each owns 4096/2^k consecutive buckets, as Citus would cut them', () => {
  assert.deepEqual(
    splitEvenly(ids(4)),
    ids(4).map((id) => [id, 1024]),
  );
});

test('an impossible split is a programmer mistake', () => {
  assert.throws(() => splitEvenly([]));
  assert.throws(() => splitEvenly(ids(BUCKET_COUNT + 1)));
});

test('a diff applied to the old assignment gives the new one, and equal assignments differ in nothing', () => {
  fc.assert(
    fc.property(anyOwners, anyOwners, (before, after) => {
      const owners = [...before];
      for (const change of diffAssignments(compressOwners(before), compressOwners(after))) {
        for (let bucket = change.firstBucket; bucket < change.firstBucket + change.buckets; bucket += 1) {
          assert.equal(owners[bucket], change.from);
          owners[bucket] = change.to;
        }
      }
      assert.deepEqual(owners, after);
      assert.deepEqual(diffAssignments(compressOwners(after), compressOwners(after)), []);
    }),
  );
});

test('a diff joins adjacent buckets that change hands alike', () => {
  const before: Assignment = [['a', BUCKET_COUNT]];
  const after: Assignment = [
    ['a', 1_000],
    ['b', 96],
    ['a', 3_000],
  ];
  assert.deepEqual(diffAssignments(before, after), [{ firstBucket: 1_000, buckets: 96, from: 'a', to: 'b' }]);
});
