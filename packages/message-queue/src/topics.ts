import { NoaError } from '@noa/core';

/** Words in one pattern; matching costs at most words(pattern) x words(topic). */
export const TOPIC_WORDS_MAX = 32;
export const TOPIC_LENGTH_MAX = 200;

const PATTERN = /^(\*|#|[A-Za-z0-9_-]+)(\.(\*|#|[A-Za-z0-9_-]+))*$/;

/**
 * Whether `topic` falls under `pattern`: words between dots, `*` for exactly one word, `#` for zero or more.
 * Source: topic exchange of AMQP 0-9-1, section 3.1.3.3.
 */
export function matchesTopic(pattern: string, topic: string): boolean {
  const words = topic.split('.');
  // reachable[j]: the pattern read so far can match the first j words.
  let reachable = [true, ...words.map(() => false)];
  for (const part of pattern.split('.')) {
    const next: boolean[] = [part === '#' && reachable[0] === true];
    for (const [index, word] of words.entries()) {
      const isStep = reachable[index] === true && (part === '*' || part === word);
      next[index + 1] = part === '#' ? reachable[index + 1] === true || next[index] === true : isStep;
    }
    reachable = next;
  }
  return reachable[words.length] === true;
}

/** @throws NoaError `QUEUE_DEFINITION_INVALID` when `pattern` is not words, `*` and `#` between dots. */
export function assertTopicPattern(pattern: string): void {
  if (PATTERN.test(pattern) && pattern.length <= TOPIC_LENGTH_MAX && pattern.split('.').length <= TOPIC_WORDS_MAX) return;
  throw new NoaError('QUEUE_DEFINITION_INVALID', {
    message: `topic: expected at most ${TOPIC_WORDS_MAX} words, * or # between dots, got ${JSON.stringify(pattern)}`,
    httpStatus: 400,
  });
}
