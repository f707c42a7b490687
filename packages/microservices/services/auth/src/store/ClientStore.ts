import type { SQLExecutor } from '@noa/core';
import type { Role } from '@noa/contracts';

export const CLIENT_GRANTS = ['authorization_code', 'refresh_token', 'client_credentials'] as const;
export type ClientGrant = (typeof CLIENT_GRANTS)[number];

/** An OAuth client as it is stored. */
export interface StoredClient {
  readonly id: string;
  readonly name: string;
  readonly type: 'public' | 'confidential';
  readonly sealedSecret: Buffer | undefined;
  readonly redirectURIs: readonly string[];
  readonly postLogoutRedirectURIs: readonly string[];
  readonly grants: readonly ClientGrant[];
  /** Roles of tokens that the client gets for itself. */
  readonly roles: readonly Role[];
}

interface Row {
  id: string;
  name: string;
  type: 'public' | 'confidential';
  sealed_secret: Buffer | null;
  redirect_uris: string[];
  post_logout_redirect_uris: string[];
  grants: ClientGrant[];
  roles: Role[];
}

/** OAuth clients registered at run time. */
export class ClientStore {
  readonly #database: SQLExecutor;

  constructor(database: SQLExecutor) {
    this.#database = database;
  }

  async find(id: string): Promise<StoredClient | undefined> {
    const { rows } = await this.#database.query<Row>(
      'SELECT id, name, type, sealed_secret, redirect_uris, post_logout_redirect_uris, grants, roles FROM auth.clients WHERE id = $1',
      [id],
    );
    const row = rows[0];
    if (row === undefined) return undefined;
    return {
      id: row.id,
      name: row.name,
      type: row.type,
      sealedSecret: row.sealed_secret ?? undefined,
      redirectURIs: row.redirect_uris,
      postLogoutRedirectURIs: row.post_logout_redirect_uris,
      grants: row.grants,
      roles: row.roles,
    };
  }

  async insert(client: StoredClient, nowMs: number): Promise<void> {
    await this.#database.query(
      `INSERT INTO auth.clients (id, name, type, sealed_secret, redirect_uris, post_logout_redirect_uris, grants, roles, created_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      [
        client.id,
        client.name,
        client.type,
        client.sealedSecret ?? null,
        client.redirectURIs,
        client.postLogoutRedirectURIs,
        client.grants,
        client.roles,
        new Date(nowMs),
      ],
    );
  }

  /** @returns false when there is no such client. */
  async delete(id: string): Promise<boolean> {
    const { rowCount } = await this.#database.query('DELETE FROM auth.clients WHERE id = $1', [id]);
    return rowCount > 0;
  }
}
