import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import type { ClientMetadata } from 'oidc-provider';
import { NoaError, uuidv7, type Clock, type Random } from '@noa/core';
import { ROLES, type Role } from '@noa/contracts';
import { CLIENT_GRANTS, type ClientGrant, type ClientStore, type StoredClient } from '../store/ClientStore.ts';
import type { Sealer } from './Sealer.ts';

/** Roles that a client may hold; `service` is for our own services. */
const CLIENT_ROLES = ROLES.filter((role) => role !== 'service');
const URISchema = Type.String({
  minLength: 3,
  maxLength: 2_000,
  pattern: '^[a-zA-Z][a-zA-Z0-9+.-]*:[\\x21\\x24-\\x3b\\x3d\\x3f-\\x5f\\x61-\\x7e]+$',
});

/** What describes a client, at registration and in the configuration. */
export const ClientSchema = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 200, pattern: '^[^\\u0000-\\u001f\\u007f]+$' }),
    /** public: an app that can keep no secret; confidential: a server. */
    type: Type.Union([Type.Literal('public'), Type.Literal('confidential')]),
    redirectURIs: Type.Optional(Type.Array(URISchema, { maxItems: 20, uniqueItems: true })),
    postLogoutRedirectURIs: Type.Optional(Type.Array(URISchema, { maxItems: 20, uniqueItems: true })),
    grants: Type.Optional(Type.Array(Type.Enum([...CLIENT_GRANTS]), { minItems: 1, maxItems: 3, uniqueItems: true })),
    roles: Type.Optional(Type.Array(Type.Enum(CLIENT_ROLES), { maxItems: 16, uniqueItems: true })),
  },
  { additionalProperties: false },
);
export type ClientDescription = Static<typeof ClientSchema>;

const ConfiguredClientsSchema = Type.Array(
  Type.Object(
    {
      ...ClientSchema.properties,
      id: Type.String({ pattern: '^[A-Za-z0-9._~-]{1,128}$' }),
      secret: Type.Optional(Type.String({ pattern: '^[\\x21-\\x7e]{16,256}$' })),
    },
    { additionalProperties: false },
  ),
  { maxItems: 200 },
);

/** Extra metadata of a client at the OpenID Connect engine: the roles of tokens that it gets for itself. */
export const CLIENT_ROLES_PROPERTY = 'noa_roles';
const SECRET_BYTES = 32;
const SEAL_PURPOSE = 'client-secret';
const CLIENT_ID = /^[A-Za-z0-9._~-]{1,128}$/;

export interface ClientsOptions {
  readonly store: ClientStore;
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly random: Random;
  /** `NOA_AUTH_CLIENTS`. @throws NoaError `CONFIG_INVALID` from the constructor when it is not what the schema says. */
  readonly configured: string | undefined;
}

/** OAuth clients: those of the configuration, which cannot be changed at run time, and those registered by an administrator. */
export class Clients {
  readonly #options: ClientsOptions;
  readonly #configured: ReadonlyMap<string, ClientMetadata>;

  constructor(options: ClientsOptions) {
    this.#options = options;
    this.#configured = readConfigured(options.configured);
  }

  /** A client as the engine wants it. */
  async find(id: string): Promise<ClientMetadata | undefined> {
    if (!CLIENT_ID.test(id)) return undefined;
    const configured = this.#configured.get(id);
    if (configured !== undefined) return configured;
    const stored = await this.#options.store.find(id);
    return stored === undefined ? undefined : this.#metadata(stored);
  }

  /**
   * Registers a client. The secret of a confidential one is told once and kept sealed.
   * @throws NoaError `VALIDATION_FAILED` (400) when the parts do not fit together.
   */
  async register(description: ClientDescription): Promise<{ id: string; secret: string | undefined }> {
    const { store, sealer, clock, random } = this.#options;
    const problem = contradictionOf(description);
    if (problem !== undefined) {
      throw new NoaError('VALIDATION_FAILED', { message: problem.message, httpStatus: 400, violations: [problem] });
    }
    const id = uuidv7(clock, random);
    const secret = description.type === 'public' ? undefined : Buffer.from(random.bytes(SECRET_BYTES)).toString('base64url');
    const client: StoredClient = {
      id,
      name: description.name,
      type: description.type,
      sealedSecret: secret === undefined ? undefined : sealer.seal(SEAL_PURPOSE, id, secret),
      redirectURIs: description.redirectURIs ?? [],
      postLogoutRedirectURIs: description.postLogoutRedirectURIs ?? [],
      grants: grantsOf(description),
      roles: description.roles ?? [],
    };
    await store.insert(client, clock.now());
    return { id, secret };
  }

  /** @throws NoaError `AUTH_CLIENT_NOT_FOUND` (404); clients of the configuration count as not found. */
  async remove(id: string): Promise<void> {
    if (CLIENT_ID.test(id) && (await this.#options.store.delete(id))) return;
    throw new NoaError('AUTH_CLIENT_NOT_FOUND', { message: 'No registered client has this id', httpStatus: 404 });
  }

  #metadata(client: StoredClient): ClientMetadata {
    const { sealer } = this.#options;
    const secret = client.sealedSecret === undefined ? undefined : sealer.open(SEAL_PURPOSE, client.id, client.sealedSecret);
    return metadataOf(client.id, secret, client);
  }
}

function readConfigured(text: string | undefined): Map<string, ClientMetadata> {
  const clients = new Map<string, ClientMetadata>();
  if (text === undefined) return clients;
  const list: unknown = parse(text);
  const schema = Compile(ConfiguredClientsSchema);
  if (!schema.Check(list)) {
    const first = schema.Errors(list)[0];
    throw invalid(`${first?.instancePath ?? '/'} ${first?.message ?? 'is not a list of clients'}`);
  }
  for (const client of list) {
    const problem = contradictionOf(client);
    if (problem !== undefined) throw invalid(`client ${client.id}: ${problem.message}`);
    if (clients.has(client.id)) throw invalid(`client ${client.id} is listed twice`);
    if ((client.type === 'public') !== (client.secret === undefined))
      throw invalid(`client ${client.id}: exactly confidential clients have a secret`);
    clients.set(client.id, metadataOf(client.id, client.secret, { ...client, grants: grantsOf(client) }));
  }
  return clients;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid('it is not JSON');
  }
}

function invalid(reason: string): NoaError {
  return new NoaError('CONFIG_INVALID', { message: `auth.clients: expected a JSON array of clients, but ${reason} (NOA_AUTH_CLIENTS)` });
}

function grantsOf(client: { grants?: readonly ClientGrant[] }): readonly ClientGrant[] {
  return client.grants ?? ['authorization_code'];
}

function contradictionOf(client: ClientDescription): { path: string; message: string } | undefined {
  const grants = grantsOf(client);
  const usesCode = grants.includes('authorization_code');
  if (client.type === 'public' && grants.includes('client_credentials')) {
    return { path: '/grants', message: 'a public client cannot use client_credentials' };
  }
  if (grants.includes('refresh_token') && !usesCode) {
    return { path: '/grants', message: 'refresh_token comes with authorization_code only' };
  }
  if (usesCode !== (client.redirectURIs ?? []).length > 0) {
    return { path: '/redirectURIs', message: 'exactly clients of the authorization_code grant have redirect URIs' };
  }
  for (const uri of [...(client.redirectURIs ?? []), ...(client.postLogoutRedirectURIs ?? [])]) {
    const message = refusalOf(uri);
    if (message !== undefined) return { path: '/redirectURIs', message };
  }
  return undefined;
}

/** https anywhere, http on loopback names only, or an app's own scheme with a dot in it (RFC 8252 section 7.1). */
function refusalOf(uri: string): string | undefined {
  const url = URL.parse(uri);
  if (url === null || url.hash !== '' || uri.includes('#')) return 'a redirect URI must be absolute and without fragment';
  if (url.username !== '' || url.password !== '') return 'a redirect URI must not hold credentials';
  if (url.protocol === 'https:') return undefined;
  if (url.protocol === 'http:') return isLoopback(url) ? undefined : 'http redirect URIs are for loopback addresses only';
  return url.protocol.includes('.') ? undefined : "an app's scheme must be a reversed domain name";
}

function isLoopback(url: URL): boolean {
  return ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
}

function metadataOf(
  id: string,
  secret: string | undefined,
  client:
    | (Pick<ClientDescription, 'name' | 'redirectURIs' | 'postLogoutRedirectURIs'> & { grants: readonly ClientGrant[]; roles?: readonly Role[] })
    | StoredClient,
): ClientMetadata {
  const redirectURIs = client.redirectURIs ?? [];
  const isNative = redirectURIs.some((uri) => !/^https?:/i.test(uri));
  return {
    client_id: id,
    client_name: client.name,
    ...(secret === undefined ? {} : { client_secret: secret }),
    application_type: isNative ? 'native' : 'web',
    token_endpoint_auth_method: secret === undefined ? 'none' : 'client_secret_basic',
    redirect_uris: [...redirectURIs],
    post_logout_redirect_uris: [...(client.postLogoutRedirectURIs ?? [])],
    grant_types: [...client.grants],
    response_types: client.grants.includes('authorization_code') ? ['code'] : [],
    [CLIENT_ROLES_PROPERTY]: [...(client.roles ?? [])],
  };
}
