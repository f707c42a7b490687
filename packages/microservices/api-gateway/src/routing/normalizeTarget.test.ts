import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { normalizeTarget } from './normalizeTarget.ts';

const normal = (target: string) => {
  const result = normalizeTarget(target);
  assert.ok('segments' in result, `${target} is taken`);
  return result;
};

test('decodes once, keeps the query as it is, and forwards one canonical encoding', () => {
  assert.deepEqual(normal('/api/users/1?a=%2F&b=..'), { segments: ['api', 'users', '1'], target: '/api/users/1?a=%2F&b=..' });
  assert.deepEqual(normal('/api/%75sers/%C3%A9'), { segments: ['api', 'users', 'é'], target: '/api/users/%C3%A9' });
  assert.deepEqual(normal('/a%20b/c%3Ad%25'), { segments: ['a b', 'c:d%'], target: '/a%20b/c:d%25' });
  assert.deepEqual(normal('/'), { segments: [''], target: '/' });
  assert.deepEqual(normal('/a//b/'), { segments: ['a', '', 'b', ''], target: '/a//b/' });
});

for (const target of [
  '/a/../b',
  '/a/./b',
  '/..',
  '/a/%2e%2e/b',
  '/a/.%2E',
  '/a%2fb',
  '/a%5cb',
  '/a\\b',
  '/a%00b',
  '/a%0ab',
  '/a%7f',
  '/a%252fb',
  '/a%252e%252e/b',
  '/a%2525',
  '/a%',
  '/a%zz',
  '/a%c3',
  '/a%c0%af',
  '//host/a',
  '/a#b',
  '/a b',
  '/é',
  '/a?b#c',
  '/a?é',
]) {
  test(`refuses ${target}`, () => assert.ok('refusedBecause' in normalizeTarget(target)));
}

test('what is forwarded reads as exactly what was matched, and stays as it is when it is read again', () => {
  const text = fc.string({ unit: 'binary', maxLength: 12 }).filter((segment) => segment.isWellFormed());
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 5 }), (segments) => {
      const result = normalizeTarget(`/${segments.map(encodeURIComponent).join('/')}`);
      if (!('segments' in result)) return;
      assert.deepEqual(result.segments, segments);
      assert.deepEqual(normalizeTarget(result.target), result);
      // An outside reader (WHATWG URL) of what is forwarded ends at the same segments.
      const path = new URL(result.target, 'http://gateway.invalid').pathname;
      assert.deepEqual(path.slice(1).split('/').map(decodeURIComponent), segments);
    }),
  );
});
