import type { Database, SQLExecutor } from '@noa/core';
import type { PgBoss } from 'pg-boss';
import type { Envelope } from '../Envelope.ts';
import type { FailureRecord } from './QueueProvider.ts';

/** The schema of pg-boss's tables and of ours. */
export const QUEUE_SCHEMA = 'noa_queue';

/** A job under our lease. `epoch` names the claim: it rises with every claim, so a stale one matches nothing. */
export interface ClaimedJob {
  readonly id: string;
  readonly epoch: number;
  readonly attempt: number;
  readonly envelope: Envelope;
}

interface ClaimedRow {
  readonly id: string;
  readonly retryCount: number;
  readonly data: Envelope;
  readonly output: { uncharged?: number } | null;
  readonly priority: number;
  readonly createdOn: Date;
}

/** A message whose worker died this often is given up: it is likely what kills them. */
export const TAKEOVERS_MAX = 5;

// `output` of a job that is not finished is our ledger: claims that did not count as an attempt, takeovers, last failure.
const LEDGER = `jsonb_build_object('uncharged', COALESCE((output->>'uncharged')::int, 0), 'takeovers', COALESCE((output->>'takeovers')::int, 0))`;
const UNCHARGED_ONE_MORE = `jsonb_build_object('uncharged', COALESCE((output->>'uncharged')::int, 0) + 1)`;
const TAKEOVERS = `COALESCE((output->>'takeovers')::int, 0)`;
const LEASE_IS_OVER = `state = 'active' AND name = ANY($1::text[]) AND heartbeat_on + heartbeat_seconds * interval '1 s' < now()`;

const RETRY_SQL = `WITH settled AS (
    UPDATE ${QUEUE_SCHEMA}.job SET state = 'retry', start_after = now() + $4::float8 * interval '1 ms', heartbeat_on = NULL, output = ${LEDGER} || $5::jsonb
    WHERE name = $1 AND id = $2 AND retry_count = $3 AND state = 'active' RETURNING id)
  SELECT count(*)::int AS affected FROM settled`;

const HAND_BACK_SQL = `WITH settled AS (
    UPDATE ${QUEUE_SCHEMA}.job SET state = 'retry', start_after = now(), heartbeat_on = NULL, output = ${LEDGER} || ${UNCHARGED_ONE_MORE}
    WHERE name = $1 AND id = $2 AND retry_count = $3 AND state = 'active' RETURNING name),
  woken AS (SELECT pg_notify($4, name) FROM settled)
  SELECT count(*)::int AS affected FROM settled, woken`;

const TAKE_OVER_SQL = `WITH lost AS (
    UPDATE ${QUEUE_SCHEMA}.job SET state = 'retry', start_after = now(), heartbeat_on = NULL,
      output = ${UNCHARGED_ONE_MORE} || jsonb_build_object('takeovers', ${TAKEOVERS} + 1)
    WHERE ${LEASE_IS_OVER} AND ${TAKEOVERS} < $3 RETURNING name),
  woken AS (SELECT pg_notify($2, name) FROM (SELECT DISTINCT name FROM lost) names)
  SELECT (SELECT count(*) FROM lost)::int AS lost, (SELECT count(*) FROM woken)::int AS woken`;

// The idle sweep: one statement on the index of live jobs.
const EXPIRED_SQL = `SELECT 1 FROM ${QUEUE_SCHEMA}.job WHERE ${LEASE_IS_OVER} LIMIT 1`;

const KILLERS_SQL = `SELECT name, id, retry_count AS epoch FROM ${QUEUE_SCHEMA}.job WHERE ${LEASE_IS_OVER} AND ${TAKEOVERS} >= $2 LIMIT 100`;

const TOUCH_SQL = `UPDATE ${QUEUE_SCHEMA}.job SET heartbeat_on = now()
  WHERE name = $1 AND state = 'active' AND (id, retry_count) IN (SELECT * FROM unnest($2::uuid[], $3::int[])) RETURNING id`;

const NEXT_DUE_SQL = `SELECT extract(epoch FROM min(start_after) - now())::float8 * 1000 AS "dueMs" FROM (
    (SELECT min(start_after) AS start_after FROM ${QUEUE_SCHEMA}.job WHERE name = $1 AND state = 'created' AND NOT blocked)
    UNION ALL (SELECT min(start_after) FROM ${QUEUE_SCHEMA}.job WHERE name = $1 AND state = 'retry' AND NOT blocked)) waiting`;

/** The states of jobs in pg-boss's tables: claim, settle under the epoch, lease. All statements are safe to repeat. */
export class PostgresJobs {
  readonly #boss: PgBoss;
  readonly #database: Database;
  readonly #channel: string;

  constructor(options: { boss: PgBoss; database: Database; channel: string }) {
    this.#boss = options.boss;
    this.#database = options.database;
    this.#channel = options.channel;
  }

  /** Up to `limit` due jobs, highest priority and oldest first. */
  async claim(queue: string, limit: number): Promise<ClaimedJob[]> {
    const rows = (await this.#boss.fetch(queue, {
      batchSize: limit,
      includeMetadata: true,
      db: bossDatabase(this.#database),
    })) as unknown as ClaimedRow[];
    rows.sort((a, b) => b.priority - a.priority || a.createdOn.getTime() - b.createdOn.getTime());
    return rows.map((row) => ({
      id: row.id,
      epoch: row.retryCount,
      attempt: Math.max(1, row.retryCount + 1 - (row.output?.uncharged ?? 0)),
      envelope: row.data,
    }));
  }

  /** @returns how many were still ours. */
  async complete(queue: string, jobs: readonly ClaimedJob[]): Promise<number> {
    const answer = await this.#boss.complete(queue, jobs.map(attemptOf), null, { db: bossDatabase(this.#database) });
    return (answer as { affected: number }).affected;
  }

  async retry(queue: string, job: ClaimedJob, delayMs: number, failure: FailureRecord): Promise<boolean> {
    const { rows } = await this.#database.query<{ affected: number }>(RETRY_SQL, [queue, job.id, job.epoch, delayMs, JSON.stringify(failure)]);
    return rows[0]!.affected === 1;
  }

  async handBack(queue: string, job: ClaimedJob): Promise<boolean> {
    const { rows } = await this.#database.query<{ affected: number }>(HAND_BACK_SQL, [queue, job.id, job.epoch, this.#channel]);
    return rows[0]!.affected === 1;
  }

  /** Ends the job as failed and, where the queue has one, copies it to its dead letter queue; one transaction. */
  async bury(queue: string, job: Pick<ClaimedJob, 'id' | 'epoch'>, failure: FailureRecord): Promise<boolean> {
    return this.#database.transaction(async (tx) => {
      const { rows } = await tx.query<{ uncharged: number }>(
        `UPDATE ${QUEUE_SCHEMA}.job SET retry_limit = retry_count
         WHERE name = $1 AND id = $2 AND retry_count = $3 AND state = 'active' RETURNING COALESCE((output->>'uncharged')::int, 0) AS uncharged`,
        [queue, job.id, job.epoch],
      );
      if (rows[0] === undefined) return false;
      const attempts = Math.max(1, job.epoch + 1 - rows[0].uncharged);
      await this.#boss.fail(queue, attemptOf(job), { ...failure, attempts }, { db: bossDatabase(tx) });
      return true;
    });
  }

  /** Renews leases. @returns the ids that are still ours. */
  async touch(queue: string, jobs: readonly ClaimedJob[]): Promise<Set<string>> {
    const { rows } = await this.#database.query<{ id: string }>(TOUCH_SQL, [queue, jobs.map(({ id }) => id), jobs.map(({ epoch }) => epoch)]);
    return new Set(rows.map(({ id }) => id));
  }

  /** Frees the jobs of workers that are gone; those that lost their worker too often are buried. @returns how many of each. */
  async takeOver(queues: readonly string[]): Promise<{ freed: number; buried: number }> {
    const expired = await this.#database.query(EXPIRED_SQL, [queues]);
    if (expired.rowCount === 0) return { freed: 0, buried: 0 };
    const { rows } = await this.#database.query<{ lost: number }>(TAKE_OVER_SQL, [queues, this.#channel, TAKEOVERS_MAX]);
    const killers = await this.#database.query<{ name: string; id: string; epoch: number }>(KILLERS_SQL, [queues, TAKEOVERS_MAX]);
    for (const job of killers.rows) {
      const message = `its worker was lost ${TAKEOVERS_MAX + 1} times`;
      await this.bury(job.name, job, { code: 'WORKER_LOST', message, fingerprint: 'worker-lost' });
    }
    return { freed: rows[0]!.lost, buried: killers.rowCount };
  }

  /** Milliseconds until the next waiting job is due, <= 0 when one is; undefined without any. */
  async nextDueMs(queue: string): Promise<number | undefined> {
    const { rows } = await this.#database.query<{ dueMs: number | null }>(NEXT_DUE_SQL, [queue]);
    return rows[0]?.dueMs ?? undefined;
  }
}

function attemptOf(job: Pick<ClaimedJob, 'id' | 'epoch'>): { id: string; retryCount: number } {
  return { id: job.id, retryCount: job.epoch };
}

/** Lets pg-boss run its statements on our pool, or inside a transaction. */
export function bossDatabase(executor: SQLExecutor): { executeSql(text: string, values?: unknown[]): Promise<{ rows: never[] }> } {
  return { executeSql: (text, values) => executor.query<never>(text, values ?? []) };
}
