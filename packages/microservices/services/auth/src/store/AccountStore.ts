import { isSQLState, SQLState, type SQLExecutor } from '@noa/core';
import type { Role } from '@noa/contracts';

export type AccountStatus = 'pending' | 'active' | 'disabled';

export interface Account {
  readonly id: string;
  /** In lower case. */
  readonly email: string;
  readonly passwordHash: string;
  readonly status: AccountStatus;
  readonly roles: readonly Role[];
  readonly displayName: string;
  readonly locale: string;
  readonly updatedAtMs: number;
}

interface Row {
  id: string;
  email: string;
  password_hash: string;
  status: AccountStatus;
  roles: Role[];
  display_name: string;
  locale: string;
  updated_at: Date;
}

const COLUMNS = 'id, email, password_hash, status, roles, display_name, locale, updated_at';

/** Accounts in the control database: e-mail, password hash, roles, and whether the user behind them exists yet. */
export class AccountStore {
  readonly #database: SQLExecutor;

  constructor(database: SQLExecutor) {
    this.#database = database;
  }

  async findByEmail(email: string): Promise<Account | undefined> {
    const { rows } = await this.#database.query<Row>(`SELECT ${COLUMNS} FROM auth.accounts WHERE email = $1`, [email]);
    return rows[0] === undefined ? undefined : accountOf(rows[0]);
  }

  async find(id: string): Promise<Account | undefined> {
    const { rows } = await this.#database.query<Row>(`SELECT ${COLUMNS} FROM auth.accounts WHERE id = $1`, [id]);
    return rows[0] === undefined ? undefined : accountOf(rows[0]);
  }

  /** @returns false when the e-mail has an account already. */
  async insert(account: Account): Promise<boolean> {
    try {
      await this.#database.query(
        `INSERT INTO auth.accounts (id, email, password_hash, status, roles, display_name, locale, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)`,
        [
          account.id,
          account.email,
          account.passwordHash,
          account.status,
          account.roles,
          account.displayName,
          account.locale,
          new Date(account.updatedAtMs),
        ],
      );
      return true;
    } catch (error) {
      if (isSQLState(error, SQLState.UniqueViolation)) return false;
      throw error;
    }
  }

  /** New password and names for an account that nobody has been able to use yet. */
  async replacePending(id: string, change: { passwordHash: string; displayName: string; locale: string; nowMs: number }): Promise<void> {
    await this.#database.query(
      `UPDATE auth.accounts SET password_hash = $2, display_name = $3, locale = $4, updated_at = $5 WHERE id = $1 AND status = 'pending'`,
      [id, change.passwordHash, change.displayName, change.locale, new Date(change.nowMs)],
    );
  }

  async activate(id: string, nowMs: number): Promise<void> {
    await this.#database.query(`UPDATE auth.accounts SET status = 'active', updated_at = $2 WHERE id = $1 AND status = 'pending'`, [
      id,
      new Date(nowMs),
    ]);
  }

  async deletePending(id: string): Promise<void> {
    await this.#database.query(`DELETE FROM auth.accounts WHERE id = $1 AND status = 'pending'`, [id]);
  }

  /** Replaces a hash by a stronger one of the same password, unless the password has been changed meanwhile. */
  async upgradeHash(id: string, from: string, to: string): Promise<void> {
    await this.#database.query(`UPDATE auth.accounts SET password_hash = $3 WHERE id = $1 AND password_hash = $2`, [id, from, to]);
  }

  async setPasswordAndRoles(id: string, change: { passwordHash: string; roles: readonly Role[]; nowMs: number }): Promise<void> {
    await this.#database.query(`UPDATE auth.accounts SET password_hash = $2, roles = $3, updated_at = $4 WHERE id = $1`, [
      id,
      change.passwordHash,
      change.roles,
      new Date(change.nowMs),
    ]);
  }

  /**
   * Follows the user behind the account. News that is older than what was heard before changes nothing, so the order of
   * arrival does not matter. A pending account follows nothing yet.
   */
  async setStatus(id: string, status: 'active' | 'disabled', userVersion: number, nowMs: number): Promise<void> {
    await this.#database.query(
      `UPDATE auth.accounts SET status = $2, user_version = $3, updated_at = $4
       WHERE id = $1 AND status <> 'pending' AND user_version < $3`,
      [id, status, userVersion, new Date(nowMs)],
    );
  }
}

/** E-mails are compared in lower case; the form is checked by the schema before. */
export function normaliseEmail(email: string): string {
  return email.normalize('NFC').toLowerCase();
}

function accountOf(row: Row): Account {
  return {
    id: row.id,
    email: row.email,
    passwordHash: row.password_hash,
    status: row.status,
    roles: row.roles,
    displayName: row.display_name,
    locale: row.locale,
    updatedAtMs: row.updated_at.getTime(),
  };
}
