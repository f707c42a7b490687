import { createHash } from 'node:crypto';
import type { SQLExecutor } from '@noa/core';

export interface LockoutOptions {
  readonly database: SQLExecutor;
  /** Failures within the window that lock. */
  readonly failuresMax: number;
  /** Window of counted failures, and length of the lock. */
  readonly windowMs: number;
}

/**
 * Failed logins per (account, client network), kept in the database: a restart forgives nothing, and a stranger in another
 * network cannot lock the owner out. Keyed by the e-mail's hash, so unknown e-mails lock exactly like known ones.
 */
export class LockoutStore {
  readonly #options: LockoutOptions;

  constructor(options: LockoutOptions) {
    this.#options = options;
  }

  /** @returns how long this pair is still locked, 0 when it is not. */
  async lockedForMs(email: string, network: string, nowMs: number): Promise<number> {
    const { rows } = await this.#options.database.query<{ locked_until: Date | null }>(
      'SELECT locked_until FROM auth.login_failures WHERE email_hash = $1 AND network = $2',
      [hashOf(email), network],
    );
    return Math.max((rows[0]?.locked_until?.getTime() ?? 0) - nowMs, 0);
  }

  async recordFailure(email: string, network: string, nowMs: number): Promise<void> {
    const { database, failuresMax, windowMs } = this.#options;
    await database.query(
      `INSERT INTO auth.login_failures AS f (email_hash, network, window_started_at, failures) VALUES ($1, $2, $3, 1)
       ON CONFLICT (email_hash, network) DO UPDATE SET
         failures = CASE WHEN f.window_started_at <= $4 THEN 1 ELSE f.failures + 1 END,
         window_started_at = CASE WHEN f.window_started_at <= $4 THEN $3 ELSE f.window_started_at END,
         locked_until = CASE WHEN f.window_started_at > $4 AND f.failures + 1 >= $5 THEN $6::timestamptz END`,
      [hashOf(email), network, new Date(nowMs), new Date(nowMs - windowMs), failuresMax, new Date(nowMs + windowMs)],
    );
  }

  async forget(email: string, network: string): Promise<void> {
    await this.#options.database.query('DELETE FROM auth.login_failures WHERE email_hash = $1 AND network = $2', [hashOf(email), network]);
  }

  /** Removes what no longer counts. */
  async sweep(nowMs: number): Promise<void> {
    const { database, windowMs } = this.#options;
    await database.query('DELETE FROM auth.login_failures WHERE window_started_at < $1 AND coalesce(locked_until, window_started_at) < $2', [
      new Date(nowMs - windowMs),
      new Date(nowMs),
    ]);
  }
}

function hashOf(email: string): Buffer {
  return createHash('sha256').update(email).digest();
}
