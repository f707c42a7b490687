import type { Clock, Timer } from './Clock.ts';

/** Options of a Repeater. */
export interface RepeaterOptions {
  readonly clock: Clock;
  /** Pause between the end of one run and the start of the next, > 0. */
  readonly intervalMs: number;
  /** One run. Its rejection goes to `onError` and does not stop the repetition. */
  readonly run: (signal: AbortSignal) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

/**
 * Runs a task again and again, never twice at once. `stop` aborts the pause, hands the abort to a run in progress
 * and resolves when that run has ended.
 */
export class Repeater {
  readonly #options: RepeaterOptions;
  readonly #abort = new AbortController();
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #isAsked = false;

  constructor(options: RepeaterOptions) {
    this.#options = options;
  }

  /** Starts with a first run at once, or after one interval when `delayFirst`. */
  start(options: { delayFirst?: boolean } = {}): void {
    if (options.delayFirst) this.#plan();
    else this.trigger();
  }

  /** Runs as soon as possible: now, or right after the run in progress. */
  trigger(): void {
    if (this.#abort.signal.aborted) return;
    if (this.#running !== undefined) {
      this.#isAsked = true;
      return;
    }
    this.#timer?.cancel();
    this.#running = this.#runOnce();
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    this.#timer?.cancel();
    await this.#running;
  }

  async #runOnce(): Promise<void> {
    try {
      await this.#options.run(this.#abort.signal);
    } catch (error) {
      if (!this.#abort.signal.aborted) this.#options.onError(error);
    }
    this.#running = undefined;
    if (this.#abort.signal.aborted) return;
    if (this.#isAsked) {
      this.#isAsked = false;
      this.trigger();
    } else this.#plan();
  }

  #plan(): void {
    this.#timer = this.#options.clock.schedule(this.#options.intervalMs, () => this.trigger(), { keepAlive: false });
  }
}
