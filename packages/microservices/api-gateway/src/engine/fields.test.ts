import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { mergeFields, requestFields, responseFields } from './fields.ts';
import type { Forwarding } from './HTTPEngine.ts';

const forwarding = (own: readonly string[]): Forwarding =>
  ({ requestFields: own, isDropped: (name: string) => name.startsWith('x-forwarded-') }) as unknown as Forwarding;
const names = (fields: readonly string[]): string[] => fields.filter((_item, i) => i % 2 === 0);

const HOP_BY_HOP = [
  'Connection',
  'Keep-Alive',
  'Proxy-Connection',
  'Proxy-Authorization',
  'TE',
  'Trailer',
  'Transfer-Encoding',
  'Upgrade',
  'HTTP2-Settings',
  'Expect',
];

test('a request loses hop-by-hop fields, those that Connection names, and those the gateway sets; the rest stays in order', () => {
  const raw = HOP_BY_HOP.flatMap((name) => [name, name === 'Connection' ? 'close, X-Mine' : 'x']);
  raw.push('X-Mine', '1', 'A', '1', 'B', '2', 'A', '3', 'X-Forwarded-Evil', 'x', 'X-Request-ID', 'theirs', 'Via', '1.0 proxy');
  const expected = 'a 1 b 2 a 3 via|1.0 proxy, 1.1 noa|x-request-id ours noa-timeout-ms 5';
  const passed = requestFields(raw, forwarding(['x-request-id', 'ours']), ['noa-timeout-ms', '5']);
  assert.deepEqual(
    passed,
    expected.split('|').flatMap((part, i) => (i === 1 ? [part] : part.split(' '))),
  );
});

test('a response loses its hop-by-hop fields and those the gateway sets, and keeps repeated ones', () => {
  const raw = [
    'Set-Cookie',
    'a',
    'Set-Cookie',
    'b',
    'Connection',
    'keep-alive, X-Inner',
    'X-Inner',
    '1',
    'X-Request-Id',
    'theirs',
    'Transfer-Encoding',
    'chunked',
  ];
  assert.deepEqual(responseFields(raw, ['x-request-id', 'ours']), ['set-cookie', 'a', 'set-cookie', 'b', 'x-request-id', 'ours']);
});

test('whatever Connection names, in whatever case and spacing, never passes either way', () => {
  const name = fc.stringMatching(/^x-[a-z]{1,8}$/);
  fc.assert(
    fc.property(fc.array(name, { minLength: 1, maxLength: 5 }), fc.array(name, { maxLength: 5 }), fc.boolean(), (named, others, isUpper) => {
      const cased = isUpper ? named.map((item) => item.toUpperCase()) : named;
      const raw = ['Connection', cased.join(' , '), ...[...named, ...others].flatMap((item) => [item, 'v'])];
      const kept = others.filter((item) => !named.includes(item));
      assert.deepEqual(names(responseFields(raw, [])), kept);
      assert.deepEqual(names(requestFields(raw, forwarding([]), [])), [...kept, 'via']);
    }),
  );
});

test('merging keeps the first word on each name', () => {
  assert.deepEqual(mergeFields(['a', '1', 'a', '2'], ['a', '3', 'b', '4']), ['a', '1', 'a', '2', 'b', '4']);
});
