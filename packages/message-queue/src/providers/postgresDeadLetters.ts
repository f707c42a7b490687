import { NoaError, type SQLExecutor } from '@noa/core';
import type { Envelope } from '../Envelope.ts';
import { deadLetterQueueOf } from '../QueueDefinition.ts';
import { QUEUE_SCHEMA } from './PostgresJobs.ts';
import type { FailureRecord, Page, QueueDepth } from './QueueProvider.ts';

interface DeadRow {
  readonly id: string;
  readonly data: Envelope;
  readonly failure: (FailureRecord & { attempts: number }) | { value?: { message?: string } } | null;
  readonly source: string;
  readonly retries: number;
  readonly since: string;
  readonly position: string;
}

const PAGE_SQL = `SELECT id, data, source_output AS failure, source_name AS source, source_retry_count AS retries,
    to_char(created_on AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS since, extract(epoch FROM created_on)::text AS position
  FROM ${QUEUE_SCHEMA}.job
  WHERE name = $1 AND state IN ('created', 'retry') AND ($2::numeric IS NULL OR (extract(epoch FROM created_on), id) > ($2, $3::uuid))
  ORDER BY extract(epoch FROM created_on), id LIMIT $4`;

/** One page of dead letters, oldest first. Reads all dead letters of the queue: meant for operators, not for hot paths. */
export async function readDeadLetters(database: SQLExecutor, queue: string, options: { limit: number; cursor?: string }): Promise<Page> {
  const after = options.cursor === undefined ? [null, null] : decodeCursor(options.cursor);
  const { rows } = await database.query<DeadRow>(PAGE_SQL, [deadLetterQueueOf(queue), ...after, options.limit + 1]);
  const page = rows.slice(0, options.limit);
  const last = page.at(-1);
  const items = page.map((row) => ({
    id: row.id,
    envelope: row.data,
    failure: failureOf(row),
    sourceQueue: row.source,
    attempts: row.failure !== null && 'attempts' in row.failure ? row.failure.attempts : row.retries + 1,
    deadSince: row.since,
  }));
  return rows.length > options.limit && last !== undefined ? { items, cursor: encodeCursor(last) } : { items };
}

/** What pg-boss itself gave up (an attempt of more than a day) has its own form. */
function failureOf(row: DeadRow): FailureRecord {
  const failure = row.failure;
  if (failure !== null && 'code' in failure) return { code: failure.code, message: failure.message, fingerprint: failure.fingerprint };
  return { code: 'ENGINE', message: (failure as { value?: { message?: string } } | null)?.value?.message ?? 'unknown', fingerprint: 'engine' };
}

function encodeCursor(row: DeadRow): string {
  return Buffer.from(`${row.position} ${row.id}`).toString('base64url');
}

function decodeCursor(cursor: string): [string, string] {
  const match = /^(\d+(?:\.\d+)?) ([0-9a-f-]{36})$/.exec(Buffer.from(cursor, 'base64url').toString());
  if (match !== null) return [match[1]!, match[2]!];
  throw new NoaError('QUEUE_DEFINITION_INVALID', { message: 'cursor: not one of this list', httpStatus: 400 });
}

/** Exact counts; cost grows with what waits. */
export async function readDepth(database: SQLExecutor, queue: string): Promise<QueueDepth> {
  const { rows } = await database.query<QueueDepth>(
    `SELECT count(*) FILTER (WHERE name = $1 AND state <> 'active' AND start_after <= now())::int AS ready,
       count(*) FILTER (WHERE name = $1 AND state <> 'active' AND start_after > now())::int AS delayed,
       count(*) FILTER (WHERE name = $1 AND state = 'active')::int AS active,
       count(*) FILTER (WHERE name = $2 AND state <> 'active')::int AS dead
     FROM ${QUEUE_SCHEMA}.job WHERE name IN ($1, $2) AND state IN ('created', 'retry', 'active')`,
    [queue, deadLetterQueueOf(queue)],
  );
  return rows[0]!;
}
