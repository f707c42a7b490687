import { hash, parseOptions, verify } from '@node-rs/argon2';
import { NoaError, Semaphore } from '@noa/core';

export interface PasswordsOptions {
  readonly memoryKiB: number;
  readonly passes: number;
  /** Hashes at once; each takes `memoryKiB` and one thread of the pool. */
  readonly slots: number;
  /** Callers that may wait for a slot. */
  readonly waitersMax: number;
}

export const PASSWORD_CHARS_MIN = 8;
export const PASSWORD_CHARS_MAX = 256;
/** argon2id, in the numbering of the binding. */
const ARGON2ID = 2;

/**
 * Hashes and checks passwords with argon2id, off the event loop and in a bounded line, so that a storm of logins neither
 * blocks other requests nor takes all memory. Passwords are compared in their NFKC form: the same word typed on two systems.
 */
export class Passwords {
  readonly #options: PasswordsOptions;
  readonly #line: Semaphore;
  #dummy: Promise<string> | undefined;

  constructor(options: PasswordsOptions) {
    this.#options = options;
    this.#line = new Semaphore({ slots: options.slots, waitersMax: options.waitersMax });
  }

  /** @throws NoaError `VALIDATION_FAILED` (400) for a length outside 8..256, `OVERLOADED` (503) when the line is full. */
  async hash(password: string): Promise<string> {
    const normal = normalise(password);
    return this.#line.run(() => this.#hash(normal));
  }

  /**
   * Runs `body` in a slot of the line with a check that costs the same whether there is a hash or not, so that the time
   * of an answer does not tell whether an account exists.
   * @throws NoaError `OVERLOADED` (503) when the line is full.
   */
  async checking<T>(body: (check: (stored: string | undefined, password: string) => Promise<boolean>) => Promise<T>): Promise<T> {
    return this.#line.run(() => body((stored, password) => this.#check(stored, password)));
  }

  /** True when the hash was made with other parameters than the present ones. */
  isOutdated(stored: string): boolean {
    const found = parseOptions(stored);
    const { memoryKiB, passes } = this.#options;
    return found.algorithm !== ARGON2ID || found.memoryCost !== memoryKiB || found.timeCost !== passes || found.parallelism !== 1;
  }

  /** A new hash inside of a slot already held. */
  async rehash(password: string): Promise<string> {
    return this.#hash(password.normalize('NFKC'));
  }

  async #check(stored: string | undefined, password: string): Promise<boolean> {
    this.#dummy ??= this.#hash('no account has this password');
    const against = stored ?? (await this.#dummy);
    const isRight = await verify(against, password.normalize('NFKC'));
    return isRight && stored !== undefined;
  }

  #hash(normal: string): Promise<string> {
    return hash(normal, { algorithm: ARGON2ID, memoryCost: this.#options.memoryKiB, timeCost: this.#options.passes, parallelism: 1 });
  }
}

function normalise(password: string): string {
  const normal = password.normalize('NFKC');
  const length = Array.from(normal).length;
  if (length >= PASSWORD_CHARS_MIN && length <= PASSWORD_CHARS_MAX) return normal;
  const message = `must have ${PASSWORD_CHARS_MIN} to ${PASSWORD_CHARS_MAX} characters`;
  throw new NoaError('VALIDATION_FAILED', { message: `/password ${message}`, httpStatus: 400, violations: [{ path: '/password', message }] });
}
