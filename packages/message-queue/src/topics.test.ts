import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isNoaError } from '@noa/core';
import fc from 'fast-check';
import { assertTopicPattern, matchesTopic, TOPIC_WORDS_MAX } from './topics.ts';

const word = fc.constantFrom('a', 'b', 'user', 'x-1');
const topic = fc.array(word, { minLength: 1, maxLength: 6 });
const pattern = fc.array(fc.oneof(word, fc.constantFrom('*', '#')), { minLength: 1, maxLength: 6 });

/** The definition, word for word: slow and plain. */
function matchesBySpecification(parts: readonly string[], words: readonly string[]): boolean {
  const [part, ...rest] = parts;
  if (part === undefined) return words.length === 0;
  if (part === '#') return matchesBySpecification(rest, words) || (words.length > 0 && matchesBySpecification(parts, words.slice(1)));
  return words.length > 0 && (part === '*' || part === words[0]) && matchesBySpecification(rest, words.slice(1));
}

test('matches what the definition of * and # matches, and nothing else', () => {
  fc.assert(
    fc.property(pattern, topic, (parts, words) => {
      assert.equal(matchesTopic(parts.join('.'), words.join('.')), matchesBySpecification(parts, words));
    }),
    { numRuns: 2_000 },
  );
});

test('a topic matches itself, and a pattern made of it by putting * for a word or # for a stretch', () => {
  fc.assert(
    fc.property(topic, fc.nat(), fc.nat(), (words: string[], at, length) => {
      const name = words.join('.');
      const index = at % words.length;
      assert.ok(matchesTopic(name, name));
      assert.ok(matchesTopic(words.with(index, '*').join('.'), name));
      assert.ok(matchesTopic(words.toSpliced(index, length % (words.length + 1), '#').join('.'), name));
    }),
  );
});

test('examples', () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['user.*', 'user.registered', true],
    ['user.*', 'user', false],
    ['user.*', 'user.mail.sent', false],
    ['user.#', 'user', true],
    ['user.#', 'user.mail.sent', true],
    ['#', 'anything.at.all', true],
    ['#.sent', 'sent', true],
    ['*.sent', 'sent', false],
    ['user.#.sent', 'user.sent', true],
    ['user', 'User', false],
  ];
  for (const [by, name, expected] of cases) assert.equal(matchesTopic(by, name), expected, `${by} on ${name}`);
});

test('many # stay cheap', () => {
  assert.equal(matchesTopic(Array(TOPIC_WORDS_MAX).fill('#').join('.'), Array(40).fill('a').join('.')), true);
  assert.equal(matchesTopic(`${Array(16).fill('#.a').join('.')}.b`, Array(60).fill('a').join('.')), false);
});

test('patterns that are not words, * and # between dots are refused', () => {
  for (const good of ['a', '*', '#', 'a.*.#', 'user-1.x_y']) assertTopicPattern(good);
  for (const bad of [
    '',
    '.',
    'a.',
    '.a',
    'a..b',
    'a*',
    '##',
    'a b',
    'ä',
    Array(TOPIC_WORDS_MAX + 1)
      .fill('a')
      .join('.'),
    'x'.repeat(201),
  ]) {
    assert.throws(
      () => assertTopicPattern(bad),
      (error) => isNoaError(error, 'QUEUE_DEFINITION_INVALID') && error.httpStatus === 400,
      JSON.stringify(bad),
    );
  }
});
