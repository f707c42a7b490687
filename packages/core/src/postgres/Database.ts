import type { Stoppable } from '../lifecycle/Lifecycle.ts';

export interface SQLResult<Row> {
  readonly rows: Row[];
  /** Rows returned or changed. */
  readonly rowCount: number;
}

/** Something that runs SQL: a database, or one transaction of it. */
export interface SQLExecutor {
  /**
   * @param text - one statement with `$1`-style parameters; must be constant text, since it is prepared under its own name.
   * @throws NoaError `DATABASE_UNAVAILABLE` when no connection could be had; else the server's error with its SQLSTATE in `code`.
   */
  query<Row = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<SQLResult<Row>>;
  /** Several statements in one round trip, without parameters; for schema changes. */
  script(text: string): Promise<void>;
}

export type IsolationLevel = 'read committed' | 'repeatable read' | 'serializable';

export interface ListenHandlers {
  /** A hint that something changed; the tables are the truth. */
  readonly onNotify: (payload: string) => void;
  /** Called after each (re)connect, first one included: re-read everything, for hints were lost meanwhile. */
  readonly onConnect: () => void;
}

/** One PostgreSQL database: a bounded pool with prepared statements, transactions and LISTEN. */
export interface Database extends SQLExecutor, Stoppable {
  /** Runs `body` in one transaction on one connection; commits on return, rolls back on throw. */
  transaction<T>(body: (tx: SQLExecutor) => Promise<T>, options?: { isolation?: IsolationLevel }): Promise<T>;
  /** Listens on `channel` over a connection of its own that reconnects until stopped. */
  listen(channel: string, handlers: ListenHandlers): Stoppable;
}

/** SQLSTATEs that callers tell apart. */
export const SQLState = {
  UniqueViolation: '23505',
  SerializationFailure: '40001',
  DeadlockDetected: '40P01',
  UndefinedTable: '42P01',
  DuplicateDatabase: '42P04',
  LockNotAvailable: '55P03',
} as const;

/** True when `error` came from PostgreSQL with this SQLSTATE (and, if given, this constraint). */
export function isSQLState(error: unknown, state: string, constraint?: string): boolean {
  if (!(error instanceof Error)) return false;
  const { code, constraint: violated } = error as { code?: unknown; constraint?: unknown };
  return code === state && (constraint === undefined || violated === constraint);
}
