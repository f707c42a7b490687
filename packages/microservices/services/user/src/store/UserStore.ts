import type { Role, User } from '@noa/contracts';
import type { Database, SQLExecutor } from '@noa/core';

/** A user as stored, deleted or not. */
export interface StoredUser extends User {
  readonly deletedAt?: string;
}

interface Row {
  readonly id: string;
  readonly email: string;
  readonly display_name: string;
  readonly locale: string;
  readonly roles: Role[];
  readonly profile: User['profile'];
  readonly version: number;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly deleted_at: Date | null;
}

const COLUMNS = 'id, email, display_name, locale, roles, profile, version, created_at, updated_at, deleted_at';

/** Statements on the users of one shard. */
export const UserStore = {
  /** Makes the server end this transaction when nothing comes for `pauseMs`. */
  async limitPauses(tx: SQLExecutor, pauseMs: number): Promise<void> {
    await tx.query(`SELECT set_config('idle_in_transaction_session_timeout', $1, true)`, [String(pauseMs)]);
  },

  /** @returns undefined when the id exists already. */
  async insert(tx: SQLExecutor, user: Omit<User, 'version' | 'createdAt' | 'updatedAt'>, now: Date): Promise<StoredUser | undefined> {
    const { rows } = await tx.query<Row>(
      `INSERT INTO users.users (id, email, display_name, locale, roles, profile, created_at, updated_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $7) ON CONFLICT (id) DO NOTHING RETURNING ${COLUMNS}`,
      [user.id, user.email, user.displayName, user.locale, user.roles, JSON.stringify(user.profile), now],
    );
    return rows[0] === undefined ? undefined : fromRow(rows[0]);
  },

  async find(executor: SQLExecutor, id: string): Promise<StoredUser | undefined> {
    const { rows } = await executor.query<Row>(`SELECT ${COLUMNS} FROM users.users WHERE id = $1`, [id]);
    return rows[0] === undefined ? undefined : fromRow(rows[0]);
  },

  /** Locks the row until the transaction ends. */
  async lock(tx: SQLExecutor, id: string): Promise<StoredUser | undefined> {
    const { rows } = await tx.query<Row>(`SELECT ${COLUMNS} FROM users.users WHERE id = $1 FOR UPDATE`, [id]);
    return rows[0] === undefined ? undefined : fromRow(rows[0]);
  },

  /** Writes a locked user's new state; the version rises by one. */
  async replace(tx: SQLExecutor, user: StoredUser, now: Date): Promise<StoredUser> {
    const { rows } = await tx.query<Row>(
      `UPDATE users.users SET email = $2, display_name = $3, locale = $4, roles = $5, profile = $6, deleted_at = $7, updated_at = $8,
         version = version + 1
       WHERE id = $1 RETURNING ${COLUMNS}`,
      [user.id, user.email, user.displayName, user.locale, user.roles, JSON.stringify(user.profile), user.deletedAt ?? null, now],
    );
    return fromRow(rows[0]!);
  },

  /** Users that are not deleted with an id above `after`, lowest first. */
  async page(database: Database, after: string | undefined, limit: number): Promise<StoredUser[]> {
    const { rows } = await database.query<Row>(
      `SELECT ${COLUMNS} FROM users.users WHERE deleted_at IS NULL AND ($1::uuid IS NULL OR id > $1::uuid) ORDER BY id LIMIT $2`,
      [after ?? null, limit],
    );
    return rows.map(fromRow);
  },

  async addRelease(tx: SQLExecutor, userId: string, email: string): Promise<void> {
    await tx.query('INSERT INTO users.email_releases (user_id, email) VALUES ($1, $2) ON CONFLICT DO NOTHING', [userId, email]);
  },

  async removeRelease(tx: SQLExecutor, userId: string, email: string): Promise<void> {
    await tx.query('DELETE FROM users.email_releases WHERE user_id = $1 AND email = $2', [userId, email]);
  },

  async releases(executor: SQLExecutor, limit: number): Promise<{ userId: string; email: string }[]> {
    const { rows } = await executor.query<{ userId: string; email: string }>(
      'SELECT user_id AS "userId", email FROM users.email_releases ORDER BY user_id, email LIMIT $1',
      [limit],
    );
    return rows;
  },
};

function fromRow(row: Row): StoredUser {
  return {
    id: row.id,
    email: row.email,
    displayName: row.display_name,
    locale: row.locale,
    roles: row.roles,
    profile: row.profile,
    version: row.version,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
    ...(row.deleted_at === null ? {} : { deletedAt: row.deleted_at.toISOString() }),
  };
}
