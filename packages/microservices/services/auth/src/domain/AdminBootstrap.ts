import { describeError, isNoaError, Repeater, uuidv7, type Clock, type Lifecycle, type Logger, type Random } from '@noa/core';
import type { Role } from '@noa/contracts';
import { normaliseEmail, type Account, type AccountStore } from '../store/AccountStore.ts';
import type { Passwords } from './Passwords.ts';
import type { CreateUserCall } from './Registration.ts';

export interface AdminBootstrapOptions {
  readonly accounts: AccountStore;
  readonly passwords: Passwords;
  readonly createUser: CreateUserCall;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly email: string;
  readonly password: string;
}

/** Pause between attempts while the user service is not up. */
const RETRY_MS = 2_000;

/**
 * The administrator named by the configuration. The account is written at start and can log in at once; the user behind
 * it is made in the background as soon as the user service answers. Several processes may do this together: there is one
 * account per e-mail, and the same user id again is the same user.
 */
export class AdminBootstrap implements Lifecycle {
  readonly #options: AdminBootstrapOptions;
  readonly #repeater: Repeater;
  #account: Account | undefined;
  #isDone = false;
  #isTold = false;

  constructor(options: AdminBootstrapOptions) {
    this.#options = options;
    this.#repeater = new Repeater({
      clock: options.clock,
      intervalMs: RETRY_MS,
      run: () => this.#createUser(),
      onError: (error) => this.#tellWaiting(error),
    });
  }

  /** Resolves when the account is written. */
  async start(): Promise<void> {
    this.#account = await this.#ensureAccount();
    this.#repeater.start();
  }

  stop(): Promise<void> {
    return this.#repeater.stop();
  }

  get isUserMade(): boolean {
    return this.#isDone;
  }

  /** Once: the user service may come minutes later, or never. */
  #tellWaiting(error: unknown): void {
    if (!this.#isTold) this.#options.logger.info({ reason: describeError(error) }, 'the user of the administrator waits for the user service');
    this.#isTold = true;
  }

  async #ensureAccount(): Promise<Account> {
    const { accounts, passwords, clock, random, password } = this.#options;
    const email = normaliseEmail(this.#options.email);
    const known = await accounts.findByEmail(email);
    if (known !== undefined) return this.#update(known);
    const account: Account = {
      id: uuidv7(clock, random),
      email,
      passwordHash: await passwords.hash(password),
      status: 'active',
      roles: ['admin'],
      displayName: 'Administrator',
      locale: 'en',
      updatedAtMs: clock.now(),
    };
    if (await accounts.insert(account)) return account;
    const other = await accounts.findByEmail(email);
    return other === undefined ? account : this.#update(other);
  }

  async #update(account: Account): Promise<Account> {
    const { accounts, passwords, clock, password } = this.#options;
    const isSame = await passwords.checking((isRight) => isRight(account.passwordHash, password));
    const roles: Role[] = account.roles.includes('admin') ? [...account.roles] : ['admin', ...account.roles];
    if (!isSame || roles.length !== account.roles.length) {
      const passwordHash = isSame ? account.passwordHash : await passwords.hash(password);
      await accounts.setPasswordAndRoles(account.id, { passwordHash, roles, nowMs: clock.now() });
    }
    await accounts.activate(account.id, clock.now());
    return { ...account, roles, status: 'active' };
  }

  async #createUser(): Promise<void> {
    if (this.#isDone || this.#account === undefined) return;
    const { createUser, logger } = this.#options;
    const { id, email, displayName, locale, roles } = this.#account;
    try {
      await createUser({ id, email, displayName, locale, roles: [...roles] });
    } catch (error) {
      if (!isNoaError(error) || error.httpStatus !== 409) throw error;
      logger.error({ accountId: id }, 'the e-mail of the administrator belongs to another user; no user is made for the account');
    }
    this.#isDone = true;
    // Stopping from inside of the run would wait for itself; the pause is what is cancelled.
    queueMicrotask(() => void this.#repeater.stop());
  }
}
