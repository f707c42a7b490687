import { NoaError } from '../errors/NoaError.ts';

/** Lets at most `slots` tasks run at once; up to `waitersMax` more wait in order, the next is refused. */
export class Semaphore {
  readonly #slots: number;
  readonly #waitersMax: number;
  readonly #waiters: (() => void)[] = [];
  #inUse = 0;

  constructor(options: { slots: number; waitersMax: number }) {
    this.#slots = options.slots;
    this.#waitersMax = options.waitersMax;
  }

  get waiting(): number {
    return this.#waiters.length;
  }

  /** @throws NoaError `OVERLOADED` (503) when the line is full. */
  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#inUse >= this.#slots) {
      if (this.#waiters.length >= this.#waitersMax) {
        throw new NoaError('OVERLOADED', { message: 'Too many of these are waiting; try again shortly', retryable: true, httpStatus: 503 });
      }
      // The releasing task hands its slot over, so #inUse stays as it is.
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    } else this.#inUse += 1;
    try {
      return await task();
    } finally {
      const next = this.#waiters.shift();
      if (next === undefined) this.#inUse -= 1;
      else next();
    }
  }
}
