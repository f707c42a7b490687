/** Codes that `@noa/message-queue` throws: code → when it is thrown, what to check. docs/errors.md is generated from this table. */
export const QUEUE_ERRORS = {
  QUEUE_PROVIDER_UNKNOWN: 'The scheme of the queue URL has no provider in this version; it ships postgres:// only. Check NOA_QUEUE_URL.',
  QUEUE_DEFINITION_INVALID: 'A queue, subscriber, topic or envelope is outside the limits of its field; the message names the field.',
  QUEUE_CAPABILITY_MISSING: 'A queue asks for a feature that its provider does not have, or only emulates; the details name both.',
  QUEUE_NOT_FOUND: 'A message was sent to, or read from, a queue that nobody has declared; declare it first.',
  QUEUE_MESSAGE_TOO_LARGE: 'A message is larger than the provider carries; put the content into storage and send its key.',
  QUEUE_TRANSACTION_ELSEWHERE: 'An enqueue was to join a transaction of another database than the queue; write to that database’s outbox instead.',
  QUEUE_NOT_RUNNING: 'The queue was used before start or after stop.',
  JOB_REJECTED: 'Thrown by a handler (rejectJob) for a message that no retry can help: it goes to the dead letters at once.',
} as const;
