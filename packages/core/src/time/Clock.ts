/** A started timer. */
export interface Timer {
  cancel(): void;
}

/** The only source of time. Everything that waits or dates takes one, so that tests can move it. */
export interface Clock {
  /** Wall time, milliseconds since 1970 UTC. May jump; never measure durations with it. */
  now(): number;
  /** Milliseconds since an arbitrary start; never goes backwards. */
  monotonicMs(): number;
  /** Runs `callback` once after `delayMs` (>= 0). `keepAlive` false lets the process end meanwhile; default true. */
  schedule(delayMs: number, callback: () => void, options?: { keepAlive?: boolean }): Timer;
  /** Resolves after `delayMs`; rejects with the signal's reason when it aborts first. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

/** setTimeout's own limit; longer delays would fire at once. */
const DELAY_MS_MAX = 2_147_483_647;

class SystemClock implements Clock {
  now(): number {
    return Date.now();
  }

  monotonicMs(): number {
    return performance.now();
  }

  schedule(delayMs: number, callback: () => void, options: { keepAlive?: boolean } = {}): Timer {
    const timer = setTimeout(callback, Math.min(Math.max(delayMs, 0), DELAY_MS_MAX));
    if (options.keepAlive === false) timer.unref();
    return { cancel: () => clearTimeout(timer) };
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return sleepWith(this, delayMs, signal);
  }
}

/** `sleep` in terms of `schedule`, shared by every Clock. */
export function sleepWith(clock: Pick<Clock, 'schedule'>, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = (): void => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.schedule(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** The machine's clock. */
export const systemClock: Clock = new SystemClock();
