import { createHash } from 'node:crypto';
import {
  connectDatabase,
  describeError,
  migrate,
  NoaError,
  Repeater,
  StopStack,
  type Clock,
  type Database,
  type Logger,
  type Random,
  type SQLExecutor,
} from '@noa/core';
import type { PgBoss } from 'pg-boss';
import type { QueueCapabilities } from '../capabilities.ts';
import { deadLetterQueueOf, type ResolvedQueue } from '../QueueDefinition.ts';
import { postgresCapabilities } from './postgresCapabilities.ts';
import { PostgresConsumer } from './PostgresConsumer.ts';
import { readDeadLetters, readDepth } from './postgresDeadLetters.ts';
import { bossDatabase, PostgresJobs, QUEUE_SCHEMA } from './PostgresJobs.ts';
import { assertSize, explain, guarded, jobIdOf, notFound, route } from './postgresMessages.ts';
import { openBoss, QUEUE_MIGRATIONS } from './postgresSchema.ts';
import type { Consumer, ConsumeOptions, Destination, OutgoingMessage, Page, QueueDepth, QueueProvider } from './QueueProvider.ts';

export interface PostgresProviderOptions {
  /** `postgres://user:password@host:port/database`. Behind a transaction-mode pooler LISTEN does not work; polling does. */
  readonly url: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Connections for messages, >= 2; upkeep opens up to two more for moments, and one listens. Default 3. */
  readonly poolMax?: number;
  /** Idle consumers look for work at least this often. Default 5000. */
  readonly backstopMs?: number;
  /** Pause between two looks for workers that are gone. Default 2000. */
  readonly sweepMs?: number;
  /** No statement of the queue takes longer; a link that swallows everything is noticed 5 s later. Default 10_000. */
  readonly statementTimeoutMs?: number;
}

/** pg-boss notifies on this channel, with the queue's name, when a job that is ready is inserted. */
const CHANNEL = `pgboss_${createHash('sha224').update(QUEUE_SCHEMA).digest('hex').slice(0, 24)}`;
/** A queue knows an envelope id while the message waits or runs, and this long after its end. */
const DEDUPLICATION_SECONDS = 86_400;
/** Dead letters stay this long. */
const DEAD_RETENTION_SECONDS = 365 * 86_400;
/** pg-boss's own limit on the time of one attempt. */
const ATTEMPT_SECONDS_MAX = 86_400;
/** Only a guard: our worker decides when attempts are used up. */
const RETRY_LIMIT = 1_000;

/**
 * Queues in PostgreSQL, schema `noa_queue`, on pg-boss's tables. Added to pg-boss: starting by notification with a slow poll behind
 * it, due times, full jitter, leases with takeover in seconds, an epoch on every outcome, hand-back, an explicit retention,
 * subscriptions by pattern. The database is authoritative; this process holds nothing that it cannot lose.
 */
export class PostgresProvider implements QueueProvider {
  readonly #options: PostgresProviderOptions;
  readonly #database: Database;
  readonly #stops = new StopStack();
  readonly #consumers = new Map<string, Set<PostgresConsumer>>();
  readonly #leases = new Map<string, number>();
  #starting: Promise<void> | undefined;
  #running: { boss: PgBoss; jobs: PostgresJobs; capabilities: QueueCapabilities } | undefined;

  constructor(options: PostgresProviderOptions) {
    const { url, clock, logger, poolMax, statementTimeoutMs = 10_000 } = options;
    this.#options = options;
    this.#database = this.#stops.use(
      connectDatabase({ url, clock, logger, poolMax: poolMax ?? 3, statementTimeoutMs, applicationName: 'noa-queue' }),
    );
  }

  /** @throws NoaError `DATABASE_UNAVAILABLE`, `DATABASE_MIGRATION_FAILED`. */
  start(): Promise<void> {
    this.#starting ??= this.#open().catch((error: unknown) => {
      this.#starting = undefined;
      throw explain(error);
    });
    return this.#starting;
  }

  async stop(): Promise<void> {
    this.#running = undefined;
    await this.#stops.stop();
  }

  async #open(): Promise<void> {
    const { url, logger, clock, sweepMs } = this.#options;
    const { rows } = await this.#database.query<{ version: string }>(`SELECT current_setting('server_version') AS version`);
    const boss = await openBoss({ url, logger, stops: this.#stops });
    await migrate(this.#database, QUEUE_SCHEMA, QUEUE_MIGRATIONS);
    const jobs = new PostgresJobs({ boss, database: this.#database, channel: CHANNEL });
    this.#running = { boss, jobs, capabilities: postgresCapabilities(rows[0]!.version) };
    this.#stops.use(
      this.#database.listen(CHANNEL, {
        onNotify: (queue) => this.#wake(queue),
        onConnect: () => [...this.#consumers.keys()].forEach((queue) => this.#wake(queue)),
      }),
    );
    const onError = (error: unknown): void => logger.warn({ reason: describeError(error) }, 'the sweep for lost workers failed; trying again');
    const sweep = new Repeater({ clock, intervalMs: sweepMs ?? 2_000, run: () => this.#sweep(), onError });
    sweep.start({ delayFirst: true });
    this.#stops.use(sweep);
  }

  async capabilities(): Promise<QueueCapabilities> {
    return this.#state().capabilities;
  }

  async declare(queue: ResolvedQueue): Promise<void> {
    const { boss } = this.#state();
    const dead = deadLetterQueueOf(queue.name);
    const shared = { retryLimit: RETRY_LIMIT, expireInSeconds: ATTEMPT_SECONDS_MAX, deleteAfterSeconds: DEDUPLICATION_SECONDS };
    const options = {
      ...shared,
      retentionSeconds: Math.ceil(queue.retentionMs / 1_000),
      heartbeatSeconds: Math.ceil(queue.leaseMs / 1_000),
      notify: true,
      ...(queue.deadLetter ? { deadLetter: dead } : {}),
    };
    await guarded(async () => {
      if (queue.deadLetter && (await boss.getQueue(dead)) === null)
        await boss.createQueue(dead, { ...shared, retentionSeconds: DEAD_RETENTION_SECONDS });
      if ((await boss.getQueue(queue.name)) === null) await boss.createQueue(queue.name, options);
      await boss.updateQueue(queue.name, { ...options, deadLetter: queue.deadLetter ? dead : null });
    });
    this.#leases.set(queue.name, queue.leaseMs);
  }

  async send(destination: Destination, messages: readonly OutgoingMessage[], options: { tx?: SQLExecutor } = {}): Promise<void> {
    this.#state();
    for (const { envelope } of messages) assertSize(envelope);
    if (messages.length === 0) return;
    const { tx } = options;
    if (tx !== undefined) return guarded(() => this.#sendWithin(tx, destination, messages), 'caller');
    const isOneStatement = 'queue' in destination && messages.every(({ delayMs }) => (delayMs ?? 0) === 0);
    if (isOneStatement) return guarded(() => this.#sendWithin(this.#database, destination, messages));
    return guarded(() => this.#database.transaction((own) => this.#sendWithin(own, destination, messages)));
  }

  async #sendWithin(executor: SQLExecutor, destination: Destination, messages: readonly OutgoingMessage[]): Promise<void> {
    const { boss } = this.#state();
    const routed = 'queue' in destination ? new Map([[destination.queue, messages]]) : await route(executor, messages);
    for (const [queue, batch] of routed) {
      const unique = new Map(batch.map((message) => [jobIdOf(message.envelope.id), message]));
      const jobs = [...unique].map(([id, { envelope, delayMs, priority }]) => ({
        id,
        data: envelope,
        ...(priority === undefined ? {} : { priority }),
        ...(delayMs === undefined || delayMs === 0 ? {} : { startAfter: `${delayMs / 1_000} seconds` }),
      }));
      await boss.insert(queue, jobs, { db: bossDatabase(executor) });
      // pg-boss tells of jobs that are ready; waiting consumers also want to know of a new due time.
      if (batch.some(({ delayMs }) => (delayMs ?? 0) > 0)) await executor.query('SELECT pg_notify($1, $2)', [CHANNEL, queue]);
    }
  }

  async consume(queue: string, options: ConsumeOptions): Promise<Consumer> {
    const { jobs } = this.#state();
    const { clock, logger, backstopMs } = this.#options;
    const leaseMs = this.#leases.get(queue);
    if (leaseMs === undefined) throw notFound(queue);
    const consumer = new PostgresConsumer({ ...options, jobs, queue, leaseMs, backstopMs: backstopMs ?? 5_000, clock, logger });
    const siblings = this.#consumers.get(queue) ?? new Set();
    this.#consumers.set(queue, siblings.add(consumer));
    consumer.start();
    return {
      stop: async (graceMs) => {
        await consumer.stop(graceMs);
        siblings.delete(consumer);
        if (siblings.size === 0) this.#consumers.delete(queue);
      },
    };
  }

  async bind(queue: string, patterns: readonly string[]): Promise<void> {
    this.#state();
    await this.#database.transaction(async (tx) => {
      await tx.query(`SELECT pg_advisory_xact_lock(hashtext($1))`, [`noa-queue-bind:${queue}`]);
      await tx.query(`DELETE FROM ${QUEUE_SCHEMA}.noa_binding WHERE queue = $1 AND pattern <> ALL($2)`, [queue, patterns]);
      await tx.query(`INSERT INTO ${QUEUE_SCHEMA}.noa_binding (queue, pattern) SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING`, [
        queue,
        patterns,
      ]);
    });
  }

  async depth(queue: string): Promise<QueueDepth> {
    this.#state();
    return readDepth(this.#database, queue);
  }

  async deadLetters(queue: string, options: { limit: number; cursor?: string }): Promise<Page> {
    this.#state();
    return readDeadLetters(this.#database, queue, options);
  }

  async redrive(queue: string, options: { limit: number; ids?: readonly string[]; to?: string }): Promise<number> {
    const { boss } = this.#state();
    const { to, ids, limit } = options;
    return guarded(async () => {
      if (to !== undefined && (await boss.getQueue(to)) === null) throw notFound(to);
      const filter = { limit, ...(to === undefined ? {} : { destination: to }), ...(ids === undefined ? {} : { ids: [...ids] }) };
      const moved = await boss.redrive(deadLetterQueueOf(queue), { ...filter, db: bossDatabase(this.#database) });
      if (moved > 0) await this.#database.query('SELECT pg_notify($1, $2)', [CHANNEL, to ?? queue]);
      return moved;
    });
  }

  async #sweep(): Promise<void> {
    const queues = [...this.#consumers.keys()];
    if (queues.length === 0) return;
    const { freed, buried } = await this.#state().jobs.takeOver(queues);
    if (freed + buried > 0) this.#options.logger.warn({ freed, buried }, 'messages of workers that are gone were taken over');
  }

  #wake(queue: string): void {
    for (const consumer of this.#consumers.get(queue) ?? []) consumer.wake();
  }

  #state(): { boss: PgBoss; jobs: PostgresJobs; capabilities: QueueCapabilities } {
    if (this.#running !== undefined) return this.#running;
    throw new NoaError('QUEUE_NOT_RUNNING', { message: 'The queue is not running', retryable: true, httpStatus: 503 });
  }
}
