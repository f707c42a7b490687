import { createHash } from 'node:crypto';
import { isNoaError, isSQLState, isUUID, NoaError, SQLState, type SQLExecutor } from '@noa/core';
import type { Envelope } from '../Envelope.ts';
import { matchesTopic } from '../topics.ts';
import { QUEUE_SCHEMA } from './PostgresJobs.ts';
import type { OutgoingMessage } from './QueueProvider.ts';

/** Serialised envelope; larger content belongs into storage. */
export const MESSAGE_BYTES_MAX = 262_144;

/** PostgreSQL cannot store the zero character in JSON. */
const UNTRANSLATABLE_CHARACTER = '22P05';

/** @throws NoaError `QUEUE_MESSAGE_TOO_LARGE` (413). */
export function assertSize(envelope: Envelope): void {
  const bytes = Buffer.byteLength(JSON.stringify(envelope));
  if (bytes <= MESSAGE_BYTES_MAX) return;
  throw new NoaError('QUEUE_MESSAGE_TOO_LARGE', {
    message: `A message of ${bytes} bytes is over the limit of ${MESSAGE_BYTES_MAX}; store the content and send its key`,
    details: { type: envelope.type, bytes },
    httpStatus: 413,
  });
}

/** The job's key for an envelope's id: itself when it is a UUID, else a UUID made of its hash. */
export function jobIdOf(envelopeId: string): string {
  if (isUUID(envelopeId)) return envelopeId;
  const hex = createHash('sha256').update(envelopeId).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** Which queues get which messages, by the patterns as the executor sees them now. */
export async function route(executor: SQLExecutor, messages: readonly OutgoingMessage[]): Promise<Map<string, OutgoingMessage[]>> {
  const { rows } = await executor.query<{ queue: string; pattern: string }>(`SELECT queue, pattern FROM ${QUEUE_SCHEMA}.noa_binding ORDER BY queue`);
  const routed = new Map<string, OutgoingMessage[]>();
  for (const queue of new Set(rows.map((row) => row.queue))) {
    const patterns = rows.filter((row) => row.queue === queue).map(({ pattern }) => pattern);
    const matching = messages.filter(({ envelope }) => patterns.some((pattern) => matchesTopic(pattern, envelope.type)));
    if (matching.length > 0) routed.set(queue, matching);
  }
  return routed;
}

export function notFound(queue: string): NoaError {
  return new NoaError('QUEUE_NOT_FOUND', { message: `Queue ${queue} is not declared`, details: { queue }, httpStatus: 404 });
}

/** Runs `body` and turns the engine's errors into ours. @param transaction - `caller` when it runs in a transaction that is not ours. */
export async function guarded<T>(body: () => Promise<T>, transaction?: 'caller'): Promise<T> {
  try {
    return await body();
  } catch (error) {
    throw explain(error, transaction);
  }
}

export function explain(error: unknown, transaction?: 'caller'): unknown {
  if (isNoaError(error) || !(error instanceof Error)) return error;
  const code = (error as { code?: unknown }).code;
  if (transaction === 'caller' && isSQLState(error, SQLState.UndefinedTable)) {
    const message = 'The transaction belongs to a database without this queue; write to the outbox of that database instead';
    return new NoaError('QUEUE_TRANSACTION_ELSEWHERE', { message, cause: error });
  }
  if (/^Queue \S+ does not exist$/.test(error.message))
    return new NoaError('QUEUE_NOT_FOUND', { message: error.message, httpStatus: 404, cause: error });
  if (isSQLState(error, UNTRANSLATABLE_CHARACTER)) {
    return new NoaError('QUEUE_DEFINITION_INVALID', { message: 'envelope.data: holds a zero character', httpStatus: 400, cause: error });
  }
  const isConnection = typeof code === 'string' && /^(E[A-Z]+|08\w{3}|57P0[1-3]|53300)$/.test(code);
  if (!isConnection && !/Connection terminated|timeout exceeded when trying to connect/i.test(error.message)) return error;
  return new NoaError('DATABASE_UNAVAILABLE', {
    message: 'The database of the queue is not available',
    retryable: true,
    httpStatus: 503,
    cause: error,
  });
}
