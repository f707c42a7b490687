import type { Database, SQLExecutor } from '@noa/core';
import type { Role } from '@noa/contracts';
import type { AccountStatus } from './AccountStore.ts';

export interface Session {
  readonly id: string;
  readonly userAgent: string;
  readonly network: string;
  readonly createdAtMs: number;
  readonly lastUsedAtMs: number;
  readonly expiresAtMs: number;
}

/** A presented refresh token with everything that decides about it. */
export interface RefreshState {
  readonly sessionId: string;
  readonly accountId: string;
  readonly email: string;
  readonly roles: readonly Role[];
  readonly status: AccountStatus;
  readonly sessionCreatedAtMs: number;
  readonly isRevoked: boolean;
  readonly expiresAtMs: number;
  readonly usedAtMs: number | undefined;
  readonly sealedAnswer: Buffer | undefined;
}

export interface Rotation {
  readonly from: Buffer;
  readonly to: Buffer;
  readonly sessionId: string;
  readonly sealedAnswer: Buffer;
  readonly nowMs: number;
  readonly expiresAtMs: number;
}

interface StateRow {
  session_id: string;
  account_id: string;
  email: string;
  roles: Role[];
  status: AccountStatus;
  created_at: Date;
  revoked_at: Date | null;
  expires_at: Date;
  used_at: Date | null;
  sealed_answer: Buffer | null;
}

interface SessionRow {
  id: string;
  user_agent: string;
  network: string;
  created_at: Date;
  last_used_at: Date;
  expires_at: Date;
}

/** Live sessions of one account; a further login ends the oldest. */
export const SESSIONS_MAX = 100;
/** Rows deleted by one statement of a sweep. */
const SWEEP_ROWS = 5_000;

/** Sessions and their refresh tokens. A token's hash is its only trace. */
export class SessionStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  create(session: Session & { accountId: string; tokenHash: Buffer }): Promise<void> {
    return this.#database.transaction(async (tx) => {
      await tx.query(
        `INSERT INTO auth.sessions (id, account_id, user_agent, network, created_at, last_used_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $5, $6)`,
        [session.id, session.accountId, session.userAgent, session.network, new Date(session.createdAtMs), new Date(session.expiresAtMs)],
      );
      await insertToken(tx, session.tokenHash, session.id, session.expiresAtMs);
      await tx.query(
        `UPDATE auth.sessions SET revoked_at = $2, revoke_reason = 'too-many' WHERE id IN (
           SELECT id FROM auth.sessions WHERE account_id = $1 AND revoked_at IS NULL ORDER BY created_at DESC, id DESC OFFSET $3)`,
        [session.accountId, new Date(session.createdAtMs), SESSIONS_MAX],
      );
    });
  }

  async findToken(hash: Buffer): Promise<RefreshState | undefined> {
    const { rows } = await this.#database.query<StateRow>(
      `SELECT t.session_id, t.expires_at, t.used_at, t.sealed_answer, s.account_id, s.created_at, s.revoked_at, a.email, a.roles, a.status
       FROM auth.refresh_tokens t JOIN auth.sessions s ON s.id = t.session_id JOIN auth.accounts a ON a.id = s.account_id
       WHERE t.hash = $1`,
      [hash],
    );
    const row = rows[0];
    if (row === undefined) return undefined;
    return {
      sessionId: row.session_id,
      accountId: row.account_id,
      email: row.email,
      roles: row.roles,
      status: row.status,
      sessionCreatedAtMs: row.created_at.getTime(),
      isRevoked: row.revoked_at !== null,
      expiresAtMs: row.expires_at.getTime(),
      usedAtMs: row.used_at?.getTime(),
      sealedAnswer: row.sealed_answer ?? undefined,
    };
  }

  /**
   * Uses the presented token up and makes its successor, in one conditional UPDATE: of any number of callers exactly one
   * gets true. The others, who waited for its row, find the winner's sealed answer.
   */
  rotate(rotation: Rotation): Promise<boolean> {
    const now = new Date(rotation.nowMs);
    return this.#database.transaction(async (tx) => {
      const { rowCount } = await tx.query(
        `UPDATE auth.refresh_tokens t SET used_at = $2, sealed_answer = $3
         FROM auth.sessions s WHERE t.hash = $1 AND t.used_at IS NULL AND t.expires_at > $2 AND s.id = t.session_id AND s.revoked_at IS NULL`,
        [rotation.from, now, rotation.sealedAnswer],
      );
      if (rowCount === 0) return false;
      await insertToken(tx, rotation.to, rotation.sessionId, rotation.expiresAtMs);
      await tx.query('UPDATE auth.sessions SET last_used_at = $2, expires_at = $3 WHERE id = $1', [
        rotation.sessionId,
        now,
        new Date(rotation.expiresAtMs),
      ]);
      return true;
    });
  }

  /** Live sessions, newest first; at most SESSIONS_MAX. */
  async list(accountId: string, nowMs: number): Promise<Session[]> {
    const { rows } = await this.#database.query<SessionRow>(
      `SELECT id, user_agent, network, created_at, last_used_at, expires_at FROM auth.sessions
       WHERE account_id = $1 AND revoked_at IS NULL AND expires_at > $2 ORDER BY created_at DESC, id DESC LIMIT $3`,
      [accountId, new Date(nowMs), SESSIONS_MAX],
    );
    return rows.map((row) => ({
      id: row.id,
      userAgent: row.user_agent,
      network: row.network,
      createdAtMs: row.created_at.getTime(),
      lastUsedAtMs: row.last_used_at.getTime(),
      expiresAtMs: row.expires_at.getTime(),
    }));
  }

  /**
   * Ends one session of this account and runs `then` in the same transaction when it was live.
   * @returns false when there was no such live session.
   */
  revoke(
    target: { sessionId: string; accountId: string; reason: string; nowMs: number },
    then?: (tx: SQLExecutor) => Promise<void>,
  ): Promise<boolean> {
    return this.#database.transaction(async (tx) => {
      const { rowCount } = await tx.query(
        `UPDATE auth.sessions SET revoked_at = $3, revoke_reason = $4 WHERE id = $1 AND account_id = $2 AND revoked_at IS NULL`,
        [target.sessionId, target.accountId, new Date(target.nowMs), target.reason],
      );
      if (rowCount === 0) return false;
      // Nothing sealed may outlive the session.
      await tx.query('UPDATE auth.refresh_tokens SET sealed_answer = NULL WHERE session_id = $1 AND sealed_answer IS NOT NULL', [target.sessionId]);
      await then?.(tx);
      return true;
    });
  }

  async revokeAll(accountId: string, reason: string, nowMs: number): Promise<void> {
    await this.#database.query(`UPDATE auth.sessions SET revoked_at = $2, revoke_reason = $3 WHERE account_id = $1 AND revoked_at IS NULL`, [
      accountId,
      new Date(nowMs),
      reason,
    ]);
  }

  /** Wipes sealed answers whose grace period is over. */
  async wipe(usedBeforeMs: number): Promise<number> {
    const { rowCount } = await this.#database.query(
      'UPDATE auth.refresh_tokens SET sealed_answer = NULL WHERE sealed_answer IS NOT NULL AND used_at < $1',
      [new Date(usedBeforeMs)],
    );
    return rowCount;
  }

  /** Deletes tokens and sessions that ended before `beforeMs`, a bounded number at a time. */
  async sweep(beforeMs: number): Promise<void> {
    const before = new Date(beforeMs);
    await this.#database.query(
      'DELETE FROM auth.refresh_tokens WHERE hash IN (SELECT hash FROM auth.refresh_tokens WHERE expires_at < $1 LIMIT $2)',
      [before, SWEEP_ROWS],
    );
    await this.#database.query('DELETE FROM auth.sessions WHERE id IN (SELECT id FROM auth.sessions WHERE expires_at < $1 LIMIT $2)', [
      before,
      SWEEP_ROWS,
    ]);
  }
}

async function insertToken(tx: SQLExecutor, hash: Buffer, sessionId: string, expiresAtMs: number): Promise<void> {
  await tx.query('INSERT INTO auth.refresh_tokens (hash, session_id, expires_at) VALUES ($1, $2, $3)', [hash, sessionId, new Date(expiresAtMs)]);
}
