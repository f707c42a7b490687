import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { matchesAny, parseIfMatch } from './etag.ts';

describe('If-Match', () => {
  it('is no condition when absent or a star', () => {
    assert.equal(parseIfMatch(undefined), undefined);
    assert.equal(parseIfMatch(' * '), undefined);
  });

  it('allows the versions of its strong tags', () => {
    assert.deepEqual(parseIfMatch('"3"'), [3]);
    assert.deepEqual(parseIfMatch('"3", "12","x", W/"4"'), [3, 12]);
  });

  it('never becomes no condition by being malformed', () => {
    fc.assert(
      fc.property(
        fc.string().filter((text) => text.trim() !== '*'),
        (text) => Array.isArray(parseIfMatch(text)),
      ),
    );
    for (const tag of ['', '3', 'W/"3"', '"3', '"-3"', '"3.0"', '"9999999999"', '"*"']) assert.deepEqual(parseIfMatch(tag), [], tag);
  });
});

describe('If-None-Match', () => {
  it('matches the version by strong and weak tags and by a star, and nothing else', () => {
    for (const value of ['"3"', 'W/"3"', '"1", W/"3"', '*']) assert.ok(matchesAny(value, 3), value);
    for (const value of [undefined, '', '3', '"33"', '"1", "2"']) assert.ok(!matchesAny(value, 3), value);
  });
});
