/**
 * Something that runs. `start` resolves when it is ready; `stop` resolves when nothing of it runs any more,
 * may be called before `start` or twice.
 */
export interface Lifecycle {
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Anything with an end. */
export interface Stoppable {
  stop(): Promise<void>;
}

/**
 * A stack of things to stop, in the reverse order of their making. One failing `stop` does not keep the others running;
 * the failures are thrown together at the end.
 */
export class StopStack implements Stoppable {
  readonly #entries: (() => Promise<void>)[] = [];
  #stopping: Promise<void> | undefined;

  /** Adds and returns `part`. */
  use<T extends Stoppable>(part: T): T {
    this.#entries.push(() => part.stop());
    return part;
  }

  defer(stop: () => Promise<void>): void {
    this.#entries.push(stop);
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#run();
    return this.#stopping;
  }

  async #run(): Promise<void> {
    const failures: unknown[] = [];
    for (let entry = this.#entries.pop(); entry !== undefined; entry = this.#entries.pop()) {
      await entry().catch((error: unknown) => failures.push(error));
    }
    if (failures.length === 1) throw failures[0];
    if (failures.length > 1) throw new AggregateError(failures, 'Several parts failed to stop');
  }
}
