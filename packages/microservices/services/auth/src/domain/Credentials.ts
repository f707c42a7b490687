import { NoaError, type Clock, type Logger } from '@noa/core';
import { normaliseEmail, type Account, type AccountStore } from '../store/AccountStore.ts';
import type { LockoutStore } from '../store/LockoutStore.ts';
import type { Passwords } from './Passwords.ts';

export interface CredentialsOptions {
  readonly accounts: AccountStore;
  readonly lockouts: LockoutStore;
  readonly passwords: Passwords;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Checks e-mail and password, for every way of logging in. */
export class Credentials {
  readonly #options: CredentialsOptions;

  constructor(options: CredentialsOptions) {
    this.#options = options;
  }

  /**
   * @param network - the client's network, for the lock.
   * @throws NoaError `AUTH_CREDENTIALS_WRONG` (401), `AUTH_LOCKED` (429, with the wait), `OVERLOADED` (503).
   */
  async check(emailText: string, password: string, network: string): Promise<Account> {
    const { accounts, lockouts, passwords, clock } = this.#options;
    const email = normaliseEmail(emailText);
    // Lock, check and count happen inside of one slot: guesses sent in parallel cannot run past the counter.
    return passwords.checking(async (isRight) => {
      const lockedMs = await lockouts.lockedForMs(email, network, clock.now());
      if (lockedMs > 0) throw locked(lockedMs);
      const account = await accounts.findByEmail(email);
      const matches = await isRight(account?.passwordHash, password);
      if (!matches || account?.status !== 'active') {
        await lockouts.recordFailure(email, network, clock.now());
        throw new NoaError('AUTH_CREDENTIALS_WRONG', { message: 'E-mail or password is wrong', httpStatus: 401 });
      }
      await lockouts.forget(email, network);
      await this.#upgrade(account, password);
      return account;
    });
  }

  /** A hash made with older parameters is replaced while the password is at hand; a failure only postpones it. */
  async #upgrade(account: Account, password: string): Promise<void> {
    const { accounts, passwords, logger } = this.#options;
    if (!passwords.isOutdated(account.passwordHash)) return;
    try {
      await accounts.upgradeHash(account.id, account.passwordHash, await passwords.rehash(password));
    } catch (error) {
      logger.warn({ err: error }, 'a password hash could not be upgraded; the next login tries again');
    }
  }
}

function locked(lockedMs: number): NoaError {
  return new NoaError('AUTH_LOCKED', {
    message: 'Too many failed logins; try again later',
    httpStatus: 429,
    retryable: true,
    details: { retryAfterMs: lockedMs },
  });
}
