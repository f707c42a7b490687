import type { Database, SQLExecutor } from '@noa/core';

export type KeyState = 'next' | 'active' | 'retired' | 'removed';

export interface StoredKey {
  readonly kid: string;
  readonly alg: string;
  readonly state: KeyState;
  readonly publicJWK: Readonly<Record<string, unknown>>;
  readonly sealedPrivate: Buffer;
  readonly publishedAtMs: number;
  readonly activatedAtMs: number | undefined;
  readonly retiredAtMs: number | undefined;
}

interface Row {
  kid: string;
  alg: string;
  state: KeyState;
  public_jwk: Record<string, unknown>;
  sealed_private: Buffer;
  published_at: Date;
  activated_at: Date | null;
  retired_at: Date | null;
}

/** Channel on which a process tells the others that the keys have changed. */
export const KEYS_CHANNEL = 'noa_auth_keys';

const COLUMNS = 'kid, alg, state, public_jwk, sealed_private, published_at, activated_at, retired_at';

/** Signing keys in the control database; their tables are the truth for every auth process. */
export class KeyStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Every key that is not removed, oldest first. */
  load(): Promise<StoredKey[]> {
    return read(this.#database);
  }

  /** Runs `body` while no other process changes keys, and tells all of them when `body` changed something. */
  change(body: (keys: StoredKey[], tx: KeyChanges) => Promise<void>): Promise<void> {
    return this.#database.transaction(async (tx) => {
      await tx.query('SELECT pg_advisory_xact_lock(hashtext($1))', ['noa-auth:keys']);
      const changes = new KeyChanges(tx);
      await body(await read(tx), changes);
      if (changes.count > 0) await tx.query('SELECT pg_notify($1, $2)', [KEYS_CHANNEL, '']);
    });
  }
}

/** Changes of keys inside of one transaction. */
export class KeyChanges {
  readonly #tx: SQLExecutor;
  count = 0;

  constructor(tx: SQLExecutor) {
    this.#tx = tx;
  }

  async insert(key: StoredKey): Promise<void> {
    this.count += 1;
    await this.#tx.query(
      `INSERT INTO auth.signing_keys (kid, alg, state, public_jwk, sealed_private, published_at, activated_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7)`,
      [key.kid, key.alg, key.state, key.publicJWK, key.sealedPrivate, new Date(key.publishedAtMs), dateOf(key.activatedAtMs)],
    );
  }

  async activate(kid: string, nowMs: number): Promise<void> {
    this.count += 1;
    await this.#tx.query(`UPDATE auth.signing_keys SET state = 'active', activated_at = $2 WHERE kid = $1`, [kid, new Date(nowMs)]);
  }

  async retire(kid: string, nowMs: number): Promise<void> {
    this.count += 1;
    await this.#tx.query(`UPDATE auth.signing_keys SET state = 'retired', retired_at = $2 WHERE kid = $1`, [kid, new Date(nowMs)]);
  }

  /** The row stays as history, without its private half. */
  async remove(kid: string): Promise<void> {
    this.count += 1;
    await this.#tx.query(`UPDATE auth.signing_keys SET state = 'removed', sealed_private = NULL WHERE kid = $1`, [kid]);
  }
}

async function read(executor: SQLExecutor): Promise<StoredKey[]> {
  const { rows } = await executor.query<Row>(`SELECT ${COLUMNS} FROM auth.signing_keys WHERE state <> 'removed' ORDER BY published_at, kid`);
  return rows.map((row) => ({
    kid: row.kid,
    alg: row.alg,
    state: row.state,
    publicJWK: row.public_jwk,
    sealedPrivate: row.sealed_private,
    publishedAtMs: row.published_at.getTime(),
    activatedAtMs: row.activated_at?.getTime(),
    retiredAtMs: row.retired_at?.getTime(),
  }));
}

function dateOf(ms: number | undefined): Date | null {
  return ms === undefined ? null : new Date(ms);
}
