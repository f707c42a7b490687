import { errors, Provider, type AdapterPayload, type ClientMetadata, type Configuration, type KoaContextWithOIDC } from 'oidc-provider';
import { API_AUDIENCE } from '@noa/contracts';
import type { Clock, Logger, SQLExecutor } from '@noa/core';
import { CLIENT_ROLES_PROPERTY, type Clients } from '../domain/Clients.ts';
import { ACCESS_TOKEN_ALGORITHM, ID_TOKEN_ALGORITHM } from '../domain/KeyRing.ts';
import type { AccountStore } from '../store/AccountStore.ts';
import { OidcAdapter } from '../store/OidcAdapter.ts';
import { formTargetOf, logoutPage, messagePage, policyOf } from './pages.ts';

export interface ProviderOptions {
  readonly issuer: string;
  readonly accounts: AccountStore;
  readonly clients: Clients;
  readonly database: SQLExecutor;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Private keys as JWKs, the active one of each algorithm first: the engine signs with the first that fits. */
  readonly jwks: { keys: Readonly<Record<string, unknown>>[] };
  readonly cookieKey: string;
  readonly accessTokenSeconds: number;
  readonly refreshTokenSeconds: number;
}

/** Life of an ID token. */
export const ID_TOKEN_SECONDS = 3_600;
const CODE_SECONDS = 60;
const INTERACTION_SECONDS = 600;
const SESSION_SECONDS = 7 * 86_400;
/** However often they are refreshed, tokens of one consent end after this: 90 days. */
const GRANT_SECONDS = 90 * 86_400;
/** The one scope of the API: everything that the account's roles allow. */
export const API_SCOPE = 'api';

/** Resource indicator (RFC 8707) of the API behind the gateway: a token asked for it has `aud` noa-api. */
export function apiResourceOf(issuer: string): string {
  return `${issuer}/api`;
}

/**
 * The OpenID Connect engine with what Noa offers of it: authorization code with PKCE S256 (and pushed requests),
 * refresh, client_credentials, userinfo, introspection, revocation, RP-initiated logout. What is off is not advertised either.
 */
export function createProvider(options: ProviderOptions): Provider {
  const provider = new Provider(options.issuer, configurationOf(options));
  // Host and protocol are set by the mount to the issuer's, whatever the request said.
  provider.proxy = true;
  provider.on('server_error', (_ctx: unknown, error: unknown) => options.logger.error({ err: error }, 'the OpenID Connect engine failed'));
  return provider;
}

function configurationOf(options: ProviderOptions): Configuration {
  const { accounts, clients, database, clock, jwks, cookieKey, accessTokenSeconds, refreshTokenSeconds } = options;
  return {
    adapter: (model: string) => (model === 'Client' ? new ClientAdapter(clients, { database, clock }) : new OidcAdapter(model, { database, clock })),
    jwks: jwks as NonNullable<Configuration['jwks']>,
    cookies: { keys: [cookieKey], short: { httpOnly: true, sameSite: 'lax', signed: true }, long: { httpOnly: true, sameSite: 'lax', signed: true } },
    scopes: ['openid', 'email', 'profile', 'offline_access'],
    // Each use makes a successor; races are settled in front of the engine.
    rotateRefreshToken: true,
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'locale'] },
    responseTypes: ['code'],
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'none'],
    enabledJWA: {
      idTokenSigningAlgValues: [ID_TOKEN_ALGORITHM, ACCESS_TOKEN_ALGORITHM],
      clientAuthSigningAlgValues: [],
    },
    extraClientMetadata: { properties: [CLIENT_ROLES_PROPERTY] },
    allowOmittingSingleRegisteredRedirectUri: false,
    pkce: { required: () => true },
    routes: {
      authorization: '/oauth/authorize',
      end_session: '/oauth/logout',
      introspection: '/oauth/introspect',
      jwks: '/oauth/jwks',
      pushed_authorization_request: '/oauth/par',
      revocation: '/oauth/revoke',
      token: '/oauth/token',
      userinfo: '/oauth/userinfo',
    },
    features: featuresOf(options),
    interactions: { url: (_ctx, interaction) => `/oauth/interaction/${interaction.uid}` },
    clientBasedCORS: (_ctx, origin, client) => (client.redirectUris ?? []).some((uri) => URL.parse(uri)?.origin === origin),
    findAccount: async (_ctx, id) => {
      const account = await accounts.find(id);
      if (account?.status !== 'active') return undefined;
      return {
        accountId: id,
        claims: () => ({ sub: id, email: account.email, email_verified: false, name: account.displayName, locale: account.locale }),
      };
    },
    extraTokenClaims: async (_ctx, token) => {
      if (token.kind === 'ClientCredentials') return { roles: rolesOf(await clients.find(token.clientId ?? '')) };
      const account = 'accountId' in token ? await accounts.find(token.accountId) : undefined;
      return account === undefined ? undefined : { roles: account.roles, email: account.email };
    },
    ttl: {
      AccessToken: accessTokenSeconds,
      AuthorizationCode: CODE_SECONDS,
      ClientCredentials: accessTokenSeconds,
      Grant: GRANT_SECONDS,
      RefreshToken: refreshTokenSeconds,
      IdToken: ID_TOKEN_SECONDS,
      Interaction: INTERACTION_SECONDS,
      Session: SESSION_SECONDS,
    },
    renderError: (ctx, out) => sendPage(ctx, messagePage('This did not work', out.error_description ?? out.error)),
  };
}

function featuresOf({ issuer, accessTokenSeconds }: ProviderOptions): NonNullable<Configuration['features']> {
  const resource = apiResourceOf(issuer);
  return {
    devInteractions: { enabled: false },
    dPoP: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId },
    revocation: { enabled: true, allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId },
    pushedAuthorizationRequests: { enabled: true },
    userinfo: { enabled: true },
    resourceIndicators: {
      enabled: true,
      // A client asking for itself can only mean the API; a person's login means userinfo unless it says otherwise.
      defaultResource: (ctx, _client, oneOf) => {
        if (oneOf !== undefined) return oneOf;
        return ctx.oidc.params?.['grant_type'] === 'client_credentials' ? resource : (undefined as never);
      },
      getResourceServerInfo: (_ctx, indicator) => {
        if (indicator !== resource) throw new errors.InvalidTarget();
        return {
          scope: API_SCOPE,
          audience: API_AUDIENCE,
          accessTokenFormat: 'jwt',
          accessTokenTTL: accessTokenSeconds,
          jwt: { sign: { alg: ACCESS_TOKEN_ALGORITHM } },
        };
      },
      useGrantedResource: () => false,
    },
    rpInitiatedLogout: {
      enabled: true,
      logoutSource: (ctx, form) => sendPage(ctx, logoutPage(form), logoutTargets(ctx)),
      postLogoutSuccessSource: (ctx) => sendPage(ctx, messagePage('Logged out', 'You can close this page.')),
    },
  };
}

/** Clients come from the configuration and the clients table, never from the engine. */
class ClientAdapter extends OidcAdapter {
  readonly #clients: Clients;

  constructor(clients: Clients, options: { database: SQLExecutor; clock: Clock }) {
    super('Client', options);
    this.#clients = clients;
  }

  override async find(id: string): Promise<AdapterPayload | undefined> {
    return (await this.#clients.find(id)) as AdapterPayload | undefined;
  }
}

function rolesOf(client: ClientMetadata | undefined): unknown {
  return client?.[CLIENT_ROLES_PROPERTY] ?? [];
}

function logoutTargets(ctx: KoaContextWithOIDC): string[] {
  const target = ctx.oidc.params?.['post_logout_redirect_uri'];
  return typeof target === 'string' ? formTargetOf(target) : [];
}

function sendPage(ctx: KoaContextWithOIDC, html: string, formTarget: readonly string[] = []): void {
  ctx.set('content-security-policy', policyOf(formTarget));
  ctx.type = 'html';
  ctx.body = html;
}
