import type { SQLExecutor } from '@noa/core';

/** Which refresh token, presented with which credentials. */
export interface ClaimKey {
  readonly hash: Buffer;
  /** Hash of the client's credentials. */
  readonly proof: Buffer;
}

export interface Claim {
  /** Hash of what was asked for: scope and resource. */
  readonly parameters: Buffer;
  readonly claimedAtMs: number;
  readonly sealedAnswer: Buffer | undefined;
}

interface Row {
  parameters: Buffer;
  claimed_at: Date;
  sealed_answer: Buffer | null;
}

/** Rows deleted by one statement of a sweep. */
const SWEEP_ROWS = 5_000;

/** Claims on refresh tokens of OAuth clients. */
export class ClaimStore {
  readonly #database: SQLExecutor;

  constructor(database: SQLExecutor) {
    this.#database = database;
  }

  /** @returns true for exactly one of any number of callers. */
  async claim({ hash, proof }: ClaimKey, parameters: Buffer, nowMs: number): Promise<boolean> {
    const { rowCount } = await this.#database.query(
      'INSERT INTO auth.oidc_refresh_claims (hash, proof, parameters, claimed_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING',
      [hash, proof, parameters, new Date(nowMs)],
    );
    return rowCount === 1;
  }

  async find({ hash, proof }: ClaimKey): Promise<Claim | undefined> {
    const { rows } = await this.#database.query<Row>(
      'SELECT parameters, claimed_at, sealed_answer FROM auth.oidc_refresh_claims WHERE hash = $1 AND proof = $2',
      [hash, proof],
    );
    const row = rows[0];
    if (row === undefined) return undefined;
    return { parameters: row.parameters, claimedAtMs: row.claimed_at.getTime(), sealedAnswer: row.sealed_answer ?? undefined };
  }

  /** The grace period of the answer begins now. */
  async answer({ hash, proof }: ClaimKey, sealedAnswer: Buffer, nowMs: number): Promise<void> {
    await this.#database.query('UPDATE auth.oidc_refresh_claims SET sealed_answer = $3, claimed_at = $4 WHERE hash = $1 AND proof = $2', [
      hash,
      proof,
      sealedAnswer,
      new Date(nowMs),
    ]);
  }

  /** Gives a claim back that led to no tokens. */
  async release({ hash, proof }: ClaimKey): Promise<void> {
    await this.#database.query('DELETE FROM auth.oidc_refresh_claims WHERE hash = $1 AND proof = $2', [hash, proof]);
  }

  /** Deletes claims made before `beforeMs`, and their answers with them; the engine itself remembers that a token is used. */
  async sweep(beforeMs: number): Promise<void> {
    await this.#database.query(
      `DELETE FROM auth.oidc_refresh_claims WHERE (hash, proof) IN (
         SELECT hash, proof FROM auth.oidc_refresh_claims WHERE claimed_at < $1 LIMIT $2)`,
      [new Date(beforeMs), SWEEP_ROWS],
    );
  }
}
