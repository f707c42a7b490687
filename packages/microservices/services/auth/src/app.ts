import { appendToOutbox, CallerCheck, OutboxRelay, TokenVerifier, type ServiceHost } from '@noa/communication';
import { EventType, type SessionFamilyRevoked, type UserChanged } from '@noa/contracts';
import { migrate, NoaError, type SQLExecutor } from '@noa/core';
import { createEnvelope } from '@noa/message-queue';
import type { AuthConfig } from './config.ts';
import { AdminBootstrap } from './domain/AdminBootstrap.ts';
import { Clients } from './domain/Clients.ts';
import { Credentials } from './domain/Credentials.ts';
import { Housekeeping } from './domain/Housekeeping.ts';
import { KeyRing } from './domain/KeyRing.ts';
import { Passwords } from './domain/Passwords.ts';
import { RefreshClaims } from './domain/RefreshClaims.ts';
import { Registration, type CreateUserCall } from './domain/Registration.ts';
import { Sealer } from './domain/Sealer.ts';
import { Sessions } from './domain/Sessions.ts';
import { TokenMinter } from './domain/TokenMinter.ts';
import { FOLLOWED_TOPICS, UserFollower } from './domain/UserFollower.ts';
import { addAdminRoutes } from './http/adminRoutes.ts';
import { ClientNetwork } from './http/clientNetwork.ts';
import { ID_TOKEN_SECONDS } from './http/createProvider.ts';
import { OidcEngine } from './http/OidcEngine.ts';
import { addOidcRoutes } from './http/oidcRoutes.ts';
import { addSessionRoutes } from './http/sessionRoutes.ts';
import { AccountStore } from './store/AccountStore.ts';
import { ClaimStore } from './store/ClaimStore.ts';
import { ClientStore } from './store/ClientStore.ts';
import { KeyStore } from './store/KeyStore.ts';
import { LockoutStore } from './store/LockoutStore.ts';
import { OidcAdapter } from './store/OidcAdapter.ts';
import { authMigrations } from './store/migrations.ts';
import { AUTH_SCHEMA } from './store/schema.ts';
import { SessionStore } from './store/SessionStore.ts';

type Host = ServiceHost<AuthConfig>;

const DAY_MS = 86_400_000;

/** Wires the auth service: stores, domain, routes, background work. */
export async function createAuth(host: Host): Promise<void> {
  const { config, control, clock, random, logger, metrics, stops } = host;
  const sealer = new Sealer({ key: encryptionKeyOf(host), random });
  await migrate(control, AUTH_SCHEMA, authMigrations);

  const keys = stops.use(keyRingOf(host, sealer));
  await keys.start();
  host.addReadiness('signing-keys', async () => {
    keys.active('EdDSA');
  });
  const { accessTokenSeconds } = config;
  const issuer = host.settings.publicURL;
  const minter = new TokenMinter({ keys, issuer, clock, random, accessTokenSeconds });
  const accounts = new AccountStore(control);
  const store = new SessionStore(control);
  const graceMs = config.refreshGraceSeconds * 1_000;
  const lockouts = new LockoutStore({ database: control, failuresMax: config.lockoutFailures, windowMs: config.lockoutSeconds * 1_000 });
  const passwords = new Passwords({
    memoryKiB: config.passwordMemoryKiB,
    passes: config.passwordPasses,
    slots: config.passwordSlots,
    waitersMax: config.passwordWaitersMax,
  });
  const createUser = await createUserCall(host, minter);
  const registration = new Registration({ accounts, passwords, createUser, clock, random, logger });
  const credentials = new Credentials({ accounts, lockouts, passwords, clock, logger });
  const clients = new Clients({ store: new ClientStore(control), sealer, clock, random, configured: config.clients });
  const sessions = new Sessions({
    store,
    minter,
    sealer,
    clock,
    random,
    logger,
    metrics,
    accessTokenSeconds,
    refreshTokenSeconds: config.refreshTokenSeconds,
    graceMs,
    announceRevoked: (tx, event) => announceRevoked(host, tx, event),
  });

  // This process has the keys at hand; asking itself over the network for them would only add a way to fail.
  const callers = new CallerCheck(new TokenVerifier({ jwks: async () => keys.published() as never, issuer, clock, logger, metrics }));
  const network = new ClientNetwork(config.trustedProxies);
  addSessionRoutes(host.app, { registration, credentials, sessions, callers, network });
  addAdminRoutes(host.app, { keys, clients, callers });
  const claims = new ClaimStore(control);
  await addOidc(host, { sealer, keys, accounts, clients, credentials, network, claims, graceMs });

  await stops.use(new Housekeeping({ database: control, sessions: store, lockouts, claims, graceMs, clock, logger })).start();
  await startRelay(host);
  await followUsers(host, { accounts, sessions: store });
  await startAdmin(host, { accounts, passwords, createUser });
}

interface OidcParts {
  readonly sealer: Sealer;
  readonly keys: KeyRing;
  readonly accounts: AccountStore;
  readonly clients: Clients;
  readonly credentials: Credentials;
  readonly network: ClientNetwork;
  readonly claims: ClaimStore;
  readonly graceMs: number;
}

async function addOidc(host: Host, { sealer, keys, accounts, clients, credentials, network, claims, graceMs }: OidcParts): Promise<void> {
  const { config, control, clock, logger } = host;
  const { accessTokenSeconds, refreshTokenSeconds } = config;
  const issuer = host.settings.publicURL;
  const cookieKey = sealer.derive('oidc-cookies').toString('base64url');
  const common = { issuer, accounts, clients, database: control, clock, logger };
  await addOidcRoutes(host.app, {
    engine: new OidcEngine({ ...common, keys, cookieKey, accessTokenSeconds, refreshTokenSeconds }),
    claims: new RefreshClaims({ store: claims, sealer, clock, graceMs }),
    refreshTokens: new OidcAdapter('RefreshToken', { database: control, clock }),
    announceRevoked: (event) => control.transaction((tx) => announceRevoked(host, tx, event)),
    keys,
    credentials,
    network,
    issuer,
  });
}

function encryptionKeyOf(host: Host): string {
  const { encryptionKey } = host.settings;
  if (encryptionKey !== undefined) return encryptionKey;
  throw new NoaError('CONFIG_INVALID', { message: 'encryptionKey: is required by the auth service (NOA_ENCRYPTION_KEY)' });
}

function keyRingOf(host: Host, sealer: Sealer): KeyRing {
  const { config, control, clock, random, logger } = host;
  return new KeyRing({
    store: new KeyStore(control),
    database: control,
    sealer,
    clock,
    random,
    logger,
    rotateAfterMs: config.keyRotationDays * DAY_MS,
    leadMs: config.keyLeadSeconds * 1_000,
    tokenMsMax: Math.max(config.accessTokenSeconds, ID_TOKEN_SECONDS) * 1_000,
  });
}

async function createUserCall(host: Host, minter: TokenMinter): Promise<CreateUserCall> {
  const users = await host.client('user', { token: () => minter.serviceToken() });
  return async (user) => {
    // The id makes the call repeatable: the same id and e-mail again is the same user.
    await users.request({ method: 'POST', path: '/api/users', body: user, idempotencyKey: user.id });
  };
}

async function announceRevoked(host: Host, tx: SQLExecutor, event: SessionFamilyRevoked): Promise<void> {
  const { clock, random } = host;
  const { userId } = event;
  const envelope = createEnvelope({
    type: EventType.SessionFamilyRevoked,
    source: 'noa/auth',
    subject: userId,
    partitionkey: userId,
    data: event,
    clock,
    random,
  });
  await appendToOutbox(tx, [envelope], AUTH_SCHEMA);
}

async function followUsers(host: Host, parts: { accounts: AccountStore; sessions: SessionStore }): Promise<void> {
  const queue = await host.queue();
  const follower = new UserFollower({ ...parts, clock: host.clock });
  host.stops.use(await queue.subscribe<UserChanged>({ subscriber: 'auth', topics: FOLLOWED_TOPICS, handler: (event) => follower.handle(event) }));
}

async function startRelay(host: Host): Promise<void> {
  const { control, clock, logger, metrics, stops } = host;
  const queue = await host.queue();
  const relay = new OutboxRelay({
    database: control,
    schema: AUTH_SCHEMA,
    publish: async (events) => {
      for (const event of events) await queue.publish(event);
    },
    clock,
    logger,
    metrics,
  });
  await stops.use(relay).start();
}

async function startAdmin(host: Host, parts: { accounts: AccountStore; passwords: Passwords; createUser: CreateUserCall }): Promise<void> {
  const { config, clock, random, logger, stops } = host;
  const { adminEmail: email, adminPassword: password } = config;
  if (email === undefined && password === undefined) return;
  if (email === undefined || password === undefined) {
    throw new NoaError('CONFIG_INVALID', {
      message: 'auth.admin: e-mail and password are set together (NOA_AUTH_ADMIN_EMAIL, NOA_AUTH_ADMIN_PASSWORD)',
    });
  }
  await stops.use(new AdminBootstrap({ ...parts, clock, random, logger, email, password })).start();
}
