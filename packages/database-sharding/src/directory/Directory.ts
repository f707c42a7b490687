import assert from 'node:assert/strict';
import { migrate, NoaError, type Clock, type Database } from '@noa/core';
import { DIRECTORY_MIGRATIONS, DIRECTORY_SCHEMA } from './schema.ts';

export interface DirectoryEntry {
  readonly ownerId: string;
  readonly isConfirmed: boolean;
}

/** A claim that was made and neither confirmed nor released. */
export interface StaleClaim {
  readonly value: string;
  readonly ownerId: string;
  /** When it was last claimed, milliseconds since 1970. */
  readonly claimedAtMs: number;
}

/** UTF-16 units of a value or an owner: at 3 bytes a unit an index entry stays below the 2,700 bytes of a btree page. */
const LENGTH_MAX = 512;
/** Claims returned at once. */
const STALE_LIMIT_MAX = 1_000;
const KIND = /^[a-z][a-z0-9_-]{0,62}$/;

/**
 * Values that must be unique over all shards, such as e-mail addresses; a unique index on a shard cannot see the others.
 *
 * Protocol: `claim` before the owner's row is written on its shard (pending), `confirm` after its commit, `release` when it is gone or was
 * never written. The control database is authoritative about who owns a value. A crash between the steps leaves a pending claim, which keeps
 * the value for its owner: the same owner may claim and confirm again, and a sweeper asks `staleClaims`, looks on the shard whether the row
 * exists, and confirms or releases. Values are compared as they are: normalise (case, Unicode) before the call.
 */
export class Directory {
  readonly #control: Database;
  readonly #kind: string;
  readonly #clock: Clock;

  /** @param options - `kind` names the sort of value, `email`; values of different kinds do not meet. */
  constructor(options: { control: Database; kind: string; clock: Clock }) {
    assert(KIND.test(options.kind), `a directory's kind must match ${KIND.source}`);
    this.#control = options.control;
    this.#kind = options.kind;
    this.#clock = options.clock;
  }

  /** Makes schema `noa_directory` in the control database, shared by all kinds. */
  async migrate(): Promise<void> {
    await migrate(this.#control, DIRECTORY_SCHEMA, DIRECTORY_MIGRATIONS);
  }

  /**
   * Takes `value` for `ownerId`, pending; of any number of concurrent claims by different owners exactly one succeeds.
   * Claiming one's own pending value again renews its age.
   * @throws NoaError `DIRECTORY_VALUE_TAKEN` (409), `DIRECTORY_VALUE_INVALID` (400).
   */
  async claim(value: string, ownerId: string): Promise<'claimed' | 'already-yours'> {
    const { rows } = await this.#control.query<{ is_new: boolean }>(
      // xmax is 0 only in a row that this statement inserted. The WHERE sees the newest committed version, under its lock.
      `INSERT INTO noa_directory.entry AS e (kind, value, owner_id, claimed_at) VALUES ($1, $2, $3, to_timestamp($4::float8 / 1000))
       ON CONFLICT (kind, value) DO UPDATE
         SET claimed_at = CASE WHEN e.is_confirmed THEN e.claimed_at ELSE excluded.claimed_at END
         WHERE e.owner_id = excluded.owner_id
       RETURNING xmax = 0 AS is_new`,
      [this.#kind, checked(value), checked(ownerId), this.#clock.now()],
    );
    if (rows[0] === undefined) throw taken();
    return rows[0].is_new ? 'claimed' : 'already-yours';
  }

  /**
   * Makes the claim final; may be called again. A claim that was swept away meanwhile is taken anew, if it is still free.
   * @throws NoaError `DIRECTORY_VALUE_TAKEN` (409) when another owner has it, `DIRECTORY_VALUE_INVALID` (400).
   */
  async confirm(value: string, ownerId: string): Promise<void> {
    const { rowCount } = await this.#control.query(
      `INSERT INTO noa_directory.entry AS e (kind, value, owner_id, claimed_at, is_confirmed)
         VALUES ($1, $2, $3, to_timestamp($4::float8 / 1000), true)
       ON CONFLICT (kind, value) DO UPDATE SET is_confirmed = true WHERE e.owner_id = excluded.owner_id`,
      [this.#kind, checked(value), checked(ownerId), this.#clock.now()],
    );
    if (rowCount === 0) throw taken();
  }

  /**
   * Gives `value` back if it is the owner's; else does nothing.
   * @param options - `ifStale`: only while the entry is still that pending claim, so that a claim renewed or confirmed meanwhile survives a sweep.
   * @returns whether it was given back.
   */
  async release(value: string, ownerId: string, options: { ifStale?: StaleClaim } = {}): Promise<boolean> {
    const { rowCount } = await this.#control.query(
      `DELETE FROM noa_directory.entry WHERE kind = $1 AND value = $2 AND owner_id = $3
         AND ($4::float8 IS NULL OR (NOT is_confirmed AND claimed_at = to_timestamp($4::float8 / 1000)))`,
      [this.#kind, checked(value), checked(ownerId), options.ifStale?.claimedAtMs ?? null],
    );
    return rowCount === 1;
  }

  /** Who has `value`, pending claims included. */
  async find(value: string): Promise<DirectoryEntry | undefined> {
    const { rows } = await this.#control.query<DirectoryEntry>(
      'SELECT owner_id AS "ownerId", is_confirmed AS "isConfirmed" FROM noa_directory.entry WHERE kind = $1 AND value = $2',
      [this.#kind, checked(value)],
    );
    return rows[0];
  }

  /** Pending claims last renewed at least `olderThanMs` ago, oldest first. @param limit - 1..1000. */
  async staleClaims(olderThanMs: number, limit: number): Promise<StaleClaim[]> {
    assert(Number.isInteger(limit) && limit >= 1 && limit <= STALE_LIMIT_MAX, `limit must be 1..${STALE_LIMIT_MAX}`);
    const { rows } = await this.#control.query<StaleClaim>(
      `SELECT value, owner_id AS "ownerId", round(extract(epoch FROM claimed_at) * 1000)::float8 AS "claimedAtMs"
       FROM noa_directory.entry WHERE kind = $1 AND NOT is_confirmed AND claimed_at <= to_timestamp($2::float8 / 1000)
       ORDER BY claimed_at, value LIMIT $3`,
      [this.#kind, this.#clock.now() - olderThanMs, limit],
    );
    return rows;
  }
}

function checked(text: string): string {
  if (text !== '' && text.length <= LENGTH_MAX && !text.includes('\0') && text.isWellFormed()) return text;
  throw new NoaError('DIRECTORY_VALUE_INVALID', {
    message: `The value is not text of 1 to ${LENGTH_MAX} characters without zero characters`,
    httpStatus: 400,
  });
}

function taken(): NoaError {
  return new NoaError('DIRECTORY_VALUE_TAKEN', { message: 'The value is already taken', httpStatus: 409 });
}
