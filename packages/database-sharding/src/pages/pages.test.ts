import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compareCollationC } from './compareCollationC.ts';
import { mergeKeyset } from './readPageAcrossShards.ts';

const compare = (a: number, b: number): number => a - b;

test('a merge gives the first rows of all lists in order', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.array(fc.integer()).map((list) => list.sort(compare)),
        { maxLength: 8 },
      ),
      fc.integer({ min: 0, max: 50 }),
      (lists, limit) => {
        assert.deepEqual(mergeKeyset(lists, { limit, compare }), lists.flat().sort(compare).slice(0, limit));
      },
    ),
  );
});

test('collation C in JavaScript is the order of UTF-8 bytes', () => {
  const text = fc.string({ unit: 'binary', maxLength: 6 }).filter((value) => value.isWellFormed());
  fc.assert(fc.property(text, text, (a, b) => Math.sign(compareCollationC(a, b)) === Buffer.compare(Buffer.from(a), Buffer.from(b))));
  assert.ok(compareCollationC('\u{10000}', '\uffff') > 0, 'where plain < would say otherwise');
  assert.equal(compareCollationC('same', 'same'), 0);
});
