import pg from 'pg';
import { NoaError } from '../errors/NoaError.ts';
import type { Stoppable } from '../lifecycle/Lifecycle.ts';
import type { Logger } from '../log/Logger.ts';
import type { Clock } from '../time/Clock.ts';
import type { Database, IsolationLevel, ListenHandlers, SQLExecutor, SQLResult } from './Database.ts';
import { Listener } from './Listener.ts';

export interface DatabaseOptions {
  /** `postgres://user:password@host:port/database`. */
  readonly url: string;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Connections, >= 1. Default 4. */
  readonly poolMax?: number;
  /** Shown in pg_stat_activity. Default `noa`. */
  readonly applicationName?: string;
  /** Wait for a free connection or a new one. Default 5000. */
  readonly connectTimeoutMs?: number;
  /** Server-side limit of one statement; 0 for none. Default 30000. */
  readonly statementTimeoutMs?: number;
  /** Off behind a transaction-mode pooler such as PgBouncer. Default true. */
  readonly preparedStatements?: boolean;
}

/** Named statements a process keeps; beyond it statements run unnamed, so generated SQL cannot fill server memory. */
const PREPARED_MAX = 500;

/** How much longer than the server's own limit an answer may take before the connection counts as dead: the half-open link. */
const ANSWER_GRACE_MS = 5_000;

/** Opens a pool lazily: the first query connects. */
export function connectDatabase(options: DatabaseOptions): Database {
  return new PgDatabase(options);
}

class StatementNames {
  readonly #names = new Map<string, string>();

  nameOf(text: string): string | undefined {
    let name = this.#names.get(text);
    if (name === undefined && this.#names.size < PREPARED_MAX) {
      name = `noa_${this.#names.size}`;
      this.#names.set(text, name);
    }
    return name;
  }
}

/** What pg.Pool and pg.PoolClient share. */
interface Queryable {
  query(config: pg.QueryConfig): Promise<pg.QueryResult>;
}

class PgExecutor implements SQLExecutor {
  readonly #target: Queryable;
  readonly #names: StatementNames | undefined;

  constructor(target: Queryable, names: StatementNames | undefined) {
    this.#target = target;
    this.#names = names;
  }

  async query<Row>(text: string, values: readonly unknown[] = []): Promise<SQLResult<Row>> {
    const name = this.#names?.nameOf(text);
    const config: pg.QueryConfig = { text, values: [...values], ...(name === undefined ? {} : { name }) };
    const result = await this.#target.query(config).catch(rethrow);
    return { rows: result.rows as Row[], rowCount: result.rowCount ?? 0 };
  }

  async script(text: string): Promise<void> {
    await this.#target.query({ text }).catch(rethrow);
  }
}

class PgDatabase extends PgExecutor implements Database {
  readonly #options: DatabaseOptions;
  readonly #pool: pg.Pool;
  readonly #names: StatementNames | undefined;
  readonly #listeners = new Set<Stoppable>();
  #stopping: Promise<void> | undefined;

  constructor(options: DatabaseOptions) {
    const statementTimeoutMs = options.statementTimeoutMs ?? 30_000;
    const pool = new pg.Pool({
      connectionString: options.url,
      max: options.poolMax ?? 4,
      application_name: options.applicationName ?? 'noa',
      connectionTimeoutMillis: options.connectTimeoutMs ?? 5_000,
      statement_timeout: statementTimeoutMs,
      ...(statementTimeoutMs === 0 ? {} : { query_timeout: statementTimeoutMs + ANSWER_GRACE_MS }),
      idleTimeoutMillis: 10_000,
      keepAlive: true,
    });
    const names = options.preparedStatements === false ? undefined : new StatementNames();
    super(pool, names);
    this.#options = options;
    this.#pool = pool;
    this.#names = names;
    // Without a listener the loss of an idle connection would end the process; the pool replaces it by itself.
    pool.on('error', (error) => options.logger.warn({ err: error }, 'an idle database connection was lost'));
  }

  async transaction<T>(body: (tx: SQLExecutor) => Promise<T>, options: { isolation?: IsolationLevel } = {}): Promise<T> {
    const client = await this.#pool.connect().catch(rethrow);
    let broken: Error | undefined;
    // A server that dies between two statements emits 'error' on a checked-out client.
    const onError = (error: Error): void => {
      broken = error;
    };
    client.on('error', onError);
    try {
      await client.query(`BEGIN ISOLATION LEVEL ${options.isolation ?? 'read committed'}`);
      const result = await body(new PgExecutor(client, this.#names));
      await client.query('COMMIT');
      return result;
    } catch (error) {
      await client.query('ROLLBACK').catch((rollbackError: Error) => {
        broken = rollbackError;
      });
      return rethrow(error);
    } finally {
      client.off('error', onError);
      client.release(broken);
    }
  }

  listen(channel: string, handlers: ListenHandlers): Stoppable {
    const listener = new Listener({ ...this.#options, channel, handlers });
    this.#listeners.add(listener);
    listener.start();
    return {
      stop: async () => {
        this.#listeners.delete(listener);
        await listener.stop();
      },
    };
  }

  stop(): Promise<void> {
    this.#stopping ??= (async () => {
      await Promise.all([...this.#listeners].map((listener) => listener.stop()));
      await this.#pool.end();
    })();
    return this.#stopping;
  }
}

/** Errors that mean "no connection" rather than "bad statement": sockets, pool time-outs, shutdown and start-up states. */
function isConnectionFailure(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = (error as { code?: unknown }).code;
  if (typeof code === 'string') return /^(E[A-Z]+|08\w{3}|57P0[1-3]|53300)$/.test(code);
  return /timeout exceeded when trying to connect|Query read timeout|Connection terminated|Cannot use a pool after calling end|not queryable/i.test(
    error.message,
  );
}

function rethrow(error: unknown): never {
  if (!isConnectionFailure(error)) throw error;
  throw new NoaError('DATABASE_UNAVAILABLE', {
    message: 'The database is not available',
    retryable: true,
    httpStatus: 503,
    cause: error,
  });
}
