import { createHash } from 'node:crypto';
import { errors, type Adapter, type AdapterPayload } from 'oidc-provider';
import type { Clock, SQLExecutor } from '@noa/core';

export interface OidcAdapterOptions {
  readonly database: SQLExecutor;
  readonly clock: Clock;
}

interface Row {
  payload: string;
  consumed_at: Date | null;
}

/** Models whose id is itself the credential: only its hash is stored, and the id is put back when it is presented. */
const SECRET_IDS: ReadonlySet<string> = new Set(['AccessToken', 'AuthorizationCode', 'RefreshToken', 'ClientCredentials']);
/** Every id that the engine makes; anything else cannot be stored here. */
const ID = /^[\x21-\x7e]{1,512}$/;
/** Rows deleted by one statement of a sweep. */
const SWEEP_ROWS = 5_000;

/** Keeps the OpenID Connect engine's records in PostgreSQL, so that any auth process can go on where another began. */
export class OidcAdapter implements Adapter {
  readonly #model: string;
  readonly #options: OidcAdapterOptions;

  constructor(model: string, options: OidcAdapterOptions) {
    this.#model = model;
    this.#options = options;
  }

  async upsert(id: string, payload: AdapterPayload, expiresIn?: number): Promise<void> {
    const { database, clock } = this.#options;
    const { jti, ...rest } = payload;
    const kept = SECRET_IDS.has(this.#model) ? rest : { ...rest, jti };
    await database.query(
      `INSERT INTO auth.oidc_payloads (model, id, payload, grant_id, uid, user_code, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
       ON CONFLICT (model, id) DO UPDATE SET payload = $3, grant_id = $4, uid = $5, user_code = $6, expires_at = $7`,
      [
        this.#model,
        this.#key(id),
        JSON.stringify(kept),
        payload.grantId ?? null,
        payload.uid ?? null,
        payload.userCode ?? null,
        expiresIn === undefined ? null : new Date(clock.now() + expiresIn * 1_000),
      ],
    );
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    if (!ID.test(id)) return undefined;
    const payload = await this.#one('id', this.#key(id));
    return payload === undefined || !SECRET_IDS.has(this.#model) ? payload : { ...payload, jti: id };
  }

  findByUid(uid: string): Promise<AdapterPayload | undefined> {
    return this.#one('uid', uid);
  }

  findByUserCode(userCode: string): Promise<AdapterPayload | undefined> {
    return this.#one('user_code', userCode);
  }

  /** Of several uses at once exactly one succeeds. @throws the engine's `invalid_grant` for the others. */
  async consume(id: string): Promise<void> {
    const { database, clock } = this.#options;
    const { rowCount } = await database.query('UPDATE auth.oidc_payloads SET consumed_at = $3 WHERE model = $1 AND id = $2 AND consumed_at IS NULL', [
      this.#model,
      this.#key(id),
      new Date(clock.now()),
    ]);
    if (rowCount === 0) throw new errors.InvalidGrant('it was used by another request');
  }

  async destroy(id: string): Promise<void> {
    await this.#options.database.query('DELETE FROM auth.oidc_payloads WHERE model = $1 AND id = $2', [this.#model, this.#key(id)]);
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    await this.#options.database.query('DELETE FROM auth.oidc_payloads WHERE model = $1 AND grant_id = $2', [this.#model, grantId]);
  }

  async #one(column: 'id' | 'uid' | 'user_code', value: string): Promise<AdapterPayload | undefined> {
    if (!ID.test(value)) return undefined;
    const { database, clock } = this.#options;
    const { rows } = await database.query<Row>(
      `SELECT payload, consumed_at FROM auth.oidc_payloads WHERE model = $1 AND ${column} = $2 AND (expires_at IS NULL OR expires_at > $3)`,
      [this.#model, value, new Date(clock.now())],
    );
    const row = rows[0];
    if (row === undefined) return undefined;
    const consumed = row.consumed_at === null ? {} : { consumed: Math.floor(row.consumed_at.getTime() / 1_000) };
    return { ...(JSON.parse(row.payload) as AdapterPayload), ...consumed };
  }

  #key(id: string): string {
    return SECRET_IDS.has(this.#model) ? createHash('sha256').update(id).digest('base64url') : id;
  }
}

/** Deletes what has expired, a bounded number of rows. */
export async function sweepOidcPayloads({ database, clock }: OidcAdapterOptions): Promise<void> {
  await database.query(
    `DELETE FROM auth.oidc_payloads WHERE (model, id) IN (SELECT model, id FROM auth.oidc_payloads WHERE expires_at < $1 LIMIT $2)`,
    [new Date(clock.now()), SWEEP_ROWS],
  );
}
