import { describeError, isNoaError, NoaError, uuidv7, type Clock, type Logger, type Random } from '@noa/core';
import { DEFAULT_ROLES, type CreateUser } from '@noa/contracts';
import { normaliseEmail, type Account, type AccountStore } from '../store/AccountStore.ts';
import type { Passwords } from './Passwords.ts';

/** Makes the user behind an account, at the user service. The same id and e-mail again is the same user. */
export type CreateUserCall = (user: CreateUser & { readonly id: string }) => Promise<void>;

export interface RegistrationOptions {
  readonly accounts: AccountStore;
  readonly passwords: Passwords;
  readonly createUser: CreateUserCall;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export interface RegistrationRequest {
  readonly email: string;
  readonly password: string;
  readonly displayName: string;
  readonly locale?: string;
}

/** A registration left unfinished for this long may be taken over with another password: nobody could log in yet. */
export const PENDING_MS_MAX = 3_600_000;
const LOCALE_DEFAULT = 'en';

/**
 * Registration over two services without a transaction over both.
 *
 *   (nothing) ── account written ──▶ pending ── user service says yes ──▶ active
 *                                      │ user service says the e-mail is taken ──▶ (nothing)
 *
 * The account's id is the user's id and is chosen here, so after a crash or a lost answer the same registration goes on
 * with the same id, and the user service sees the same user. A pending account cannot log in.
 */
export class Registration {
  readonly #options: RegistrationOptions;

  constructor(options: RegistrationOptions) {
    this.#options = options;
  }

  /** @throws NoaError `AUTH_EMAIL_TAKEN` (409), `AUTH_REGISTRATION_INCOMPLETE` (503), `VALIDATION_FAILED` (400), `OVERLOADED` (503). */
  async register(request: RegistrationRequest): Promise<Account> {
    const { accounts, clock } = this.#options;
    const email = normaliseEmail(request.email);
    const account = await this.#prepare(email, request);
    await this.#createUser(account);
    await accounts.activate(account.id, clock.now());
    return { ...account, status: 'active' };
  }

  /** The pending account of this registration: a new one, or the one that an earlier attempt left. */
  async #prepare(email: string, request: RegistrationRequest): Promise<Account> {
    const { accounts, passwords, clock, random } = this.#options;
    const known = await accounts.findByEmail(email);
    if (known !== undefined) return this.#resume(known, request);
    const account: Account = {
      id: uuidv7(clock, random),
      email,
      passwordHash: await passwords.hash(request.password),
      status: 'pending',
      roles: DEFAULT_ROLES,
      displayName: request.displayName,
      locale: request.locale ?? LOCALE_DEFAULT,
      updatedAtMs: clock.now(),
    };
    if (await accounts.insert(account)) return account;
    const other = await accounts.findByEmail(email);
    if (other === undefined) throw incomplete();
    return this.#resume(other, request);
  }

  async #resume(account: Account, request: RegistrationRequest): Promise<Account> {
    const { accounts, passwords, clock } = this.#options;
    if (account.status !== 'pending') throw taken();
    if (await passwords.checking((isRight) => isRight(account.passwordHash, request.password))) return account;
    if (clock.now() - account.updatedAtMs < PENDING_MS_MAX) throw taken();
    const change = {
      passwordHash: await passwords.hash(request.password),
      displayName: request.displayName,
      locale: request.locale ?? LOCALE_DEFAULT,
    };
    await accounts.replacePending(account.id, { ...change, nowMs: clock.now() });
    return { ...account, ...change };
  }

  async #createUser(account: Account): Promise<void> {
    const { accounts, createUser, logger } = this.#options;
    const { id, email, displayName, locale, roles } = account;
    try {
      await createUser({ id, email, displayName, locale, roles: [...roles] });
    } catch (error) {
      if (isNoaError(error) && error.httpStatus === 409) {
        await accounts.deletePending(id);
        throw taken();
      }
      logger.warn({ reason: describeError(error), accountId: id }, 'a registration waits for the user service');
      throw incomplete(error);
    }
  }
}

function taken(): NoaError {
  return new NoaError('AUTH_EMAIL_TAKEN', { message: 'An account with this e-mail exists', httpStatus: 409 });
}

function incomplete(cause?: unknown): NoaError {
  return new NoaError('AUTH_REGISTRATION_INCOMPLETE', {
    message: 'The registration is not complete yet; send it again shortly',
    httpStatus: 503,
    retryable: true,
    cause,
  });
}
