import { createMetrics, migrate, NoaError, silentLogger, systemRandom, type Database } from '@noa/core';
import type { CreateUser } from '@noa/contracts';
import { SimulatedClock } from '@noa/testing';
import { Credentials } from '../domain/Credentials.ts';
import { KeyRing } from '../domain/KeyRing.ts';
import { Passwords } from '../domain/Passwords.ts';
import { Registration } from '../domain/Registration.ts';
import { Sealer } from '../domain/Sealer.ts';
import { Sessions } from '../domain/Sessions.ts';
import { TokenMinter } from '../domain/TokenMinter.ts';
import { AccountStore } from '../store/AccountStore.ts';
import { KeyStore } from '../store/KeyStore.ts';
import { LockoutStore } from '../store/LockoutStore.ts';
import { AUTH_SCHEMA, AUTH_TABLES_SQL } from '../store/schema.ts';
import { SessionStore } from '../store/SessionStore.ts';

export const ISSUER = 'https://noa.example';
export const ENCRYPTION_KEY = Buffer.alloc(32, 7).toString('base64');
export const GRACE_MS = 10_000;
export const LEAD_MS = 180_000;
export const TOKEN_MS_MAX = 3_600_000;
export const ROTATE_AFTER_MS = 30 * 86_400_000;

/** Small enough for tests, of the same kind. */
export const WEAK = { memoryKiB: 1_024, passes: 1, slots: 2, waitersMax: 500 };

export async function createAuthTables(database: Database): Promise<void> {
  await migrate(database, AUTH_SCHEMA, [{ version: 1, name: 'tables', sql: AUTH_TABLES_SQL }]);
}

export function keyRing(database: Database, clock: SimulatedClock): KeyRing {
  const sealer = new Sealer({ key: ENCRYPTION_KEY, random: systemRandom });
  return new KeyRing({
    store: new KeyStore(database),
    database,
    sealer,
    clock,
    random: systemRandom,
    logger: silentLogger,
    rotateAfterMs: ROTATE_AFTER_MS,
    leadMs: LEAD_MS,
    tokenMsMax: TOKEN_MS_MAX,
  });
}

/** A user service that remembers whom it made, and can be told to fail. */
export class UserServiceDouble {
  readonly users = new Map<string, CreateUser>();
  calls = 0;
  /** The bearer token of the last call. */
  token: string | undefined;
  failure: NoaError | undefined;

  create = async (user: CreateUser & { readonly id: string }): Promise<void> => {
    this.calls += 1;
    if (this.failure !== undefined) throw this.failure;
    for (const [id, other] of this.users) {
      if (other.email === user.email && id !== user.id) throw new NoaError('DIRECTORY_VALUE_TAKEN', { message: 'taken', httpStatus: 409 });
    }
    this.users.set(user.id, user);
  };
}

/** The domain on real tables with a simulated clock. */
export async function setupDomain(database: Database, options: { failuresMax?: number } = {}) {
  const clock = new SimulatedClock();
  const random = systemRandom;
  const logger = silentLogger;
  const keys = keyRing(database, clock);
  await keys.start();
  const sealer = new Sealer({ key: ENCRYPTION_KEY, random });
  const minter = new TokenMinter({ keys, issuer: ISSUER, clock, random, accessTokenSeconds: 900 });
  const accounts = new AccountStore(database);
  const passwords = new Passwords(WEAK);
  const users = new UserServiceDouble();
  const lockouts = new LockoutStore({ database, failuresMax: options.failuresMax ?? 10, windowMs: 900_000 });
  const registration = new Registration({ accounts, passwords, createUser: users.create, clock, random, logger });
  const credentials = new Credentials({ accounts, lockouts, passwords, clock, logger });
  const revoked: { userId: string; sessionId: string; reason: string }[] = [];
  const store = new SessionStore(database);
  const sessions = new Sessions({
    store,
    minter,
    sealer,
    clock,
    random,
    logger,
    metrics: createMetrics(),
    accessTokenSeconds: 900,
    refreshTokenSeconds: 604_800,
    graceMs: GRACE_MS,
    announceRevoked: async (_tx, event) => void revoked.push(event),
  });
  return { clock, keys, minter, accounts, passwords, users, lockouts, registration, credentials, sessions, store, revoked, sealer };
}

export const PASSWORD = 'correct horse battery';

/** An active account with its own e-mail. */
export async function registerSomebody(domain: Awaited<ReturnType<typeof setupDomain>>, email: string) {
  return domain.registration.register({ email, password: PASSWORD, displayName: 'Ada' });
}

export function describeUnavailable(): NoaError {
  return new NoaError('SERVICE_UNAVAILABLE', { message: 'no instance', httpStatus: 503, retryable: true });
}
