import { appendToOutbox } from '@noa/communication';
import { DEFAULT_ROLES, EventType, type CreateUser, type Role, type User } from '@noa/contracts';
import { isNoaError, NoaError, uuidv7, type Clock, type Random, type SQLExecutor } from '@noa/core';
import { readPageAcrossShards, type Directory, type ShardRouter } from '@noa/database-sharding';
import { createEnvelope } from '@noa/message-queue';
import { USER_SCHEMA } from '../store/migrations.ts';
import { UserStore, type StoredUser } from '../store/UserStore.ts';
import type { EmailReleases } from './EmailReleases.ts';

export interface UsersOptions {
  readonly router: ShardRouter;
  readonly directory: Directory;
  readonly releases: EmailReleases;
  readonly clock: Clock;
  readonly random: Random;
}

/** A change of a user (merge patch, RFC 7396): what is absent stays; a null in the profile removes the field. */
export interface UserPatch {
  readonly email?: string;
  readonly displayName?: string;
  readonly locale?: string;
  readonly roles?: readonly Role[];
  readonly profile?: User['profile'];
}

const LOCALE_DEFAULT = 'en';
const PROFILE_FIELDS_MAX = 50;
export const RESTORE_WINDOW_DAYS = 30;
const DAY_MS = 86_400_000;
/**
 * How long a creation's transaction may sit idle before the server ends it. Well below the age at which the janitor takes a
 * claim for abandoned, so a process that froze in the middle cannot commit a row whose claim has been given away.
 */
const CREATE_PAUSE_MS_MAX = 20_000;

/**
 * Users on shards by id. E-mail addresses are unique over all shards through a directory in the control database.
 *
 * Create: claim the address → row and event in one transaction on the user's shard → confirm. Change of address: under
 * the row's lock claim the new one, write, note the old one for release; then confirm and release. A crash in between
 * leaves a pending claim or a noted release, which the janitor settles by looking at the row: the row is the truth.
 */
export class Users {
  readonly #options: UsersOptions;

  constructor(options: UsersOptions) {
    this.#options = options;
  }

  /**
   * @returns `isNew` false when the same id with the same address existed: the call is repeatable.
   * @throws NoaError `USER_EMAIL_TAKEN`, `USER_ID_TAKEN` (409), `VALIDATION_FAILED` (400).
   */
  async create(input: CreateUser): Promise<{ user: User; isNew: boolean }> {
    const { router, directory, releases, clock, random } = this.#options;
    forbidServiceRole(input.roles);
    const email = normalizeEmail(input.email);
    const id = input.id ?? uuidv7(clock, random);
    const claim = await directory.claim(email, id).catch(asEmailTaken);
    const fresh = {
      id,
      email,
      displayName: input.displayName,
      locale: input.locale ?? LOCALE_DEFAULT,
      roles: [...(input.roles ?? DEFAULT_ROLES)],
      profile: withoutNulls(input.profile ?? {}),
    };
    const result = await router.transaction(id, async (tx) => {
      await UserStore.limitPauses(tx, CREATE_PAUSE_MS_MAX);
      const inserted = await UserStore.insert(tx, fresh, this.#now());
      if (inserted === undefined) return { user: await UserStore.find(tx, id), isNew: false };
      const { displayName, locale } = inserted;
      await this.#announce(tx, EventType.UserRegistered, id, { userId: id, email, displayName, locale });
      // The janitor sees no row before the commit, so the claim must be young when that comes; see CREATE_PAUSE_MS_MAX.
      await directory.claim(email, id).catch(asEmailTaken);
      return { user: inserted, isNew: true };
    });
    const { user, isNew } = result;
    if (user === undefined || user.deletedAt !== undefined || user.email !== email) {
      if (claim === 'claimed') await releases.release(id, email);
      throw new NoaError('USER_ID_TAKEN', { message: 'A user with this id exists already', httpStatus: 409 });
    }
    await releases.settle(id, email);
    return { user, isNew };
  }

  /** @throws NoaError `USER_NOT_FOUND`. */
  async get(id: string): Promise<User> {
    const user = await UserStore.find(this.#options.router.database(id), id);
    if (user === undefined || user.deletedAt !== undefined) throw notFound();
    return user;
  }

  /**
   * @param expectedVersions - of If-Match, one must be the present one; undefined changes whatever version there is.
   * @throws NoaError `USER_NOT_FOUND`, `USER_VERSION_MISMATCH` (412), `USER_EMAIL_TAKEN` (409), `USER_PROFILE_TOO_LARGE`, `VALIDATION_FAILED` (400).
   */
  async update(id: string, patch: UserPatch, expectedVersions?: readonly number[]): Promise<User> {
    const { router, directory, releases } = this.#options;
    forbidServiceRole(patch.roles);
    const email = patch.email === undefined ? undefined : normalizeEmail(patch.email);
    const user = await router.transaction(id, async (tx) => {
      const before = await this.#lockAlive(tx, id, expectedVersions);
      const profile = mergeProfile(before.profile, patch.profile);
      if (email !== undefined && email !== before.email) {
        // Under the row's lock, so that the janitor cannot release what is being claimed.
        await directory.claim(email, id).catch(asEmailTaken);
        await UserStore.addRelease(tx, id, before.email);
        await UserStore.removeRelease(tx, id, email);
      }
      const after = await UserStore.replace(
        tx,
        {
          ...before,
          email: email ?? before.email,
          displayName: patch.displayName ?? before.displayName,
          locale: patch.locale ?? before.locale,
          roles: patch.roles === undefined ? before.roles : [...patch.roles],
          profile,
        },
        this.#now(),
      );
      await this.#announce(tx, EventType.UserUpdated, id, { userId: id, version: after.version });
      return after;
    });
    if (email !== undefined) await releases.settle(id, email);
    return user;
  }

  /** Soft: the row stays for the restore window, the address is free at once. @throws as `update`. */
  async remove(id: string, expectedVersions?: readonly number[]): Promise<void> {
    const { router, releases } = this.#options;
    await router.transaction(id, async (tx) => {
      const before = await this.#lockAlive(tx, id, expectedVersions);
      const now = this.#now();
      const after = await UserStore.replace(tx, { ...before, deletedAt: now.toISOString() }, now);
      await UserStore.addRelease(tx, id, before.email);
      await this.#announce(tx, EventType.UserDeleted, id, { userId: id, version: after.version });
    });
    await releases.settle(id);
  }

  /** @throws NoaError `USER_NOT_FOUND`, `USER_RESTORE_EXPIRED` (409), `USER_EMAIL_TAKEN` (409). */
  async restore(id: string): Promise<User> {
    const { router, directory, releases, clock } = this.#options;
    const user = await router.transaction(id, async (tx) => {
      const before = await UserStore.lock(tx, id);
      if (before === undefined) throw notFound();
      const deletedMs = before.deletedAt === undefined ? undefined : Date.parse(before.deletedAt);
      if (deletedMs === undefined || clock.now() - deletedMs > RESTORE_WINDOW_DAYS * DAY_MS) {
        throw new NoaError('USER_RESTORE_EXPIRED', { message: 'This user cannot be restored', httpStatus: 409 });
      }
      await directory.claim(before.email, id).catch(asEmailTaken);
      await UserStore.removeRelease(tx, id, before.email);
      const { deletedAt: _gone, ...alive } = before;
      const after = await UserStore.replace(tx, alive, this.#now());
      await this.#announce(tx, EventType.UserRestored, id, { userId: id, version: after.version });
      return after;
    });
    await releases.settle(id, user.email);
    return user;
  }

  /** Users over all shards by id, which is the order of creation. @param after - id of the last one seen. */
  async list(limit: number, after?: string): Promise<{ users: User[]; next?: string }> {
    const page = await readPageAcrossShards<StoredUser>(this.#options.router, {
      limit,
      after,
      fetch: UserStore.page,
      keyOf: (user) => user.id,
      compare: (a, b) => (a < b ? -1 : a > b ? 1 : 0),
    });
    return { users: page.rows, ...(page.next === undefined ? {} : { next: page.next }) };
  }

  async #lockAlive(tx: SQLExecutor, id: string, expectedVersions: readonly number[] | undefined): Promise<StoredUser> {
    const user = await UserStore.lock(tx, id);
    if (user === undefined || user.deletedAt !== undefined) throw notFound();
    if (expectedVersions !== undefined && !expectedVersions.includes(user.version)) {
      throw new NoaError('USER_VERSION_MISMATCH', { message: 'The user has changed meanwhile', httpStatus: 412 });
    }
    return user;
  }

  async #announce(tx: SQLExecutor, type: string, userId: string, data: object): Promise<void> {
    const { clock, random } = this.#options;
    const envelope = createEnvelope({ type, source: 'noa/user', subject: userId, partitionkey: userId, data, clock, random });
    await appendToOutbox(tx, [envelope], USER_SCHEMA);
  }

  #now(): Date {
    return new Date(this.#options.clock.now());
  }
}

/** Addresses are compared in lower case and composed form: two that look alike would be taken for each other by people. */
export function normalizeEmail(email: string): string {
  return email.normalize('NFC').toLowerCase();
}

function mergeProfile(before: User['profile'], patch: User['profile'] | undefined): User['profile'] {
  const merged = withoutNulls({ ...before, ...patch });
  if (Object.keys(merged).length <= PROFILE_FIELDS_MAX) return merged;
  throw new NoaError('USER_PROFILE_TOO_LARGE', { message: `A profile has at most ${PROFILE_FIELDS_MAX} fields`, httpStatus: 400 });
}

function withoutNulls(profile: User['profile']): User['profile'] {
  return Object.fromEntries(Object.entries(profile).filter(([, value]) => value !== null));
}

/** The role is for calls between services; a person who had it would pass for one. */
function forbidServiceRole(roles: readonly Role[] | undefined): void {
  if (roles?.includes('service') !== true) return;
  const message = 'the role service is not for users';
  throw new NoaError('VALIDATION_FAILED', { message, httpStatus: 400, violations: [{ path: '/roles', message }] });
}

function asEmailTaken(error: unknown): never {
  if (!isNoaError(error, 'DIRECTORY_VALUE_TAKEN')) throw error;
  throw new NoaError('USER_EMAIL_TAKEN', { message: 'This e-mail address is taken', httpStatus: 409, cause: error });
}

function notFound(): NoaError {
  return new NoaError('USER_NOT_FOUND', { message: 'There is no such user', httpStatus: 404 });
}
