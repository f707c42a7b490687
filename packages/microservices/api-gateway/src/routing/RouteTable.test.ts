import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isNoaError } from '@noa/core';
import { parsePattern } from './RoutePattern.ts';
import { RouteTable, takes, type TableEntry } from './RouteTable.ts';

const entry = (id: string, path: string, methods?: readonly string[], host?: string): TableEntry => ({
  id,
  pattern: parsePattern(path),
  host,
  methods: methods === undefined ? undefined : new Set(methods),
});
const table = (...entries: TableEntry[]) => entries.reduce((built, item) => built.with(item), new RouteTable());
const segments = (path: string): string[] => path.slice(1).split('/');
const idOf = (built: RouteTable<TableEntry>, path: string, method = 'GET', host = ''): string => {
  const match = built.find(method, host, segments(path));
  return match.kind === 'found' ? match.entry.id : match.kind;
};

test('literal before parameter before rest, segment by segment, with a way back', () => {
  const built = table(entry('rest', '/a/*'), entry('param', '/a/{x}'), entry('literal', '/a/b'), entry('deep', '/a/{x}/c'), entry('b-d', '/a/b/d'));
  assert.equal(idOf(built, '/a/b'), 'literal');
  assert.equal(idOf(built, '/a/z'), 'param');
  assert.equal(idOf(built, '/a/b/c'), 'deep');
  assert.equal(idOf(built, '/a/b/d'), 'b-d');
  assert.equal(idOf(built, '/a/b/e'), 'rest');
  assert.equal(idOf(built, '/a/'), 'rest');
  assert.equal(idOf(built, '/a'), 'none', 'the rest begins behind a slash');
  assert.equal(idOf(built, '/b'), 'none');
});

test('the method decides among the rules of a path; HEAD follows GET; nobody taking it lists what is allowed', () => {
  const built = table(entry('me', '/u/me', ['GET']), entry('one', '/u/{id}', ['GET', 'PATCH']));
  assert.equal(idOf(built, '/u/me'), 'me');
  assert.equal(idOf(built, '/u/me', 'HEAD'), 'me');
  assert.equal(idOf(built, '/u/me', 'PATCH'), 'one');
  assert.deepEqual(built.find('DELETE', '', segments('/u/me')), { kind: 'wrong-method', allow: ['GET', 'HEAD', 'PATCH'] });
});

test('rules for the host come before rules for any host', () => {
  const built = table(entry('any', '/a/b'), entry('own', '/a/*', undefined, 'x.example'));
  assert.equal(idOf(built, '/a/b', 'GET', 'x.example'), 'own');
  assert.equal(idOf(built, '/a/b', 'GET', 'y.example'), 'any');
  assert.deepEqual(
    built.candidates('x.example', segments('/a/b')).map((item) => item.id),
    ['own', 'any'],
  );
});

test('a parameter takes no empty segment', () => {
  assert.equal(idOf(table(entry('param', '/a/{x}')), '/a/'), 'none');
});

test('two rules conflict only with one shape, one host and a method in common', () => {
  const built = table(entry('a', '/u/{id}', ['GET']));
  const conflicts = (other: TableEntry): string[] => built.conflicts(other).map((item) => item.id);
  assert.deepEqual(conflicts(entry('b', '/u/{name}', ['GET', 'PUT'])), ['a']);
  assert.deepEqual(conflicts(entry('b', '/u/{name}')), ['a']);
  assert.deepEqual(conflicts(entry('b', '/u/{name}', ['PUT'])), []);
  assert.deepEqual(conflicts(entry('b', '/u/{id}', ['GET'], 'x.example')), []);
  assert.deepEqual(conflicts(entry('b', '/u/*', ['GET'])), []);
  assert.deepEqual(conflicts(entry('a', '/u/{id}', ['GET'])), []);
});

test('a pattern with a broken parameter, a repeated one, a star in the middle or too many segments is refused', () => {
  for (const path of ['/a/{', '/a/{1x}', '/{x}/{x}', '/a/*/b', '/a/x{y}', '/a/../b', `/${'a/'.repeat(40)}`]) {
    assert.throws(
      () => parsePattern(path),
      (error) => isNoaError(error, 'ROUTE_INVALID'),
      path,
    );
  }
});

/** The definition without a trie: order all rules that take the path, the better at each segment first. */
function oracle(entries: readonly TableEntry[], path: readonly string[], method: string): string | undefined {
  const rank = (item: TableEntry): string =>
    path.map((_segment, i) => (item.pattern.segments[i] === undefined ? '2' : item.pattern.segments[i]?.kind === 'literal' ? '0' : '1')).join('') +
    (item.pattern.hasRest ? '1' : '0');
  return entries
    .filter((item) => {
      const { segments: pattern, hasRest } = item.pattern;
      if (hasRest ? path.length <= pattern.length : path.length !== pattern.length) return false;
      return pattern.every((part, i) => (part.kind === 'literal' ? part.text === path[i] : path[i] !== ''));
    })
    .filter((item) => takes(item, method))
    .toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1))[0]?.id;
}

test('finds what the definition says, after any additions and removals, and leaves earlier tables as they were', () => {
  const part = fc.constantFrom('a', 'b', '{x}');
  const rule = fc.record({
    parts: fc.array(part, { minLength: 1, maxLength: 4 }),
    rest: fc.boolean(),
    methods: fc.constantFrom(undefined, ['GET'], ['POST'], ['GET', 'POST']),
  });
  const path = fc.array(fc.constantFrom('a', 'b', 'c', ''), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(fc.array(rule, { maxLength: 12 }), fc.array(fc.nat(11), { maxLength: 6 }), path, (rules, removals, asked) => {
      let built = new RouteTable<TableEntry>();
      let entries: TableEntry[] = [];
      for (const [i, { parts, rest, methods }] of rules.entries()) {
        const names = parts.map((text, at) => (text === '{x}' ? `{x${at}}` : text));
        const item = entry(String(i), `/${[...names, ...(rest ? ['*'] : [])].join('/')}`, methods);
        if (built.conflicts(item).length > 0) continue;
        built = built.with(item);
        entries.push(item);
      }
      const before = built;
      const expectedBefore = oracle(entries, asked, 'GET');
      for (const index of removals) {
        const gone = entries[index];
        if (gone === undefined) continue;
        built = built.without(gone);
        entries = entries.filter((item) => item !== gone);
      }
      for (const method of ['GET', 'POST']) {
        const match = built.find(method, '', asked);
        assert.equal(match.kind === 'found' ? match.entry.id : undefined, oracle(entries, asked, method));
      }
      const old = before.find('GET', '', asked);
      assert.equal(old.kind === 'found' ? old.entry.id : undefined, expectedBefore);
    }),
    { numRuns: 500 },
  );
});
