import { systemClock } from '@noa/core';

/**
 * Resolves with the first answer of `probe` that is neither undefined nor false. A probe that throws is asked again;
 * its last error is the cause of the failure.
 * @throws Error when `timeoutMs` (default 10000) has passed.
 */
export async function waitFor<T>(
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  options: { timeoutMs?: number; intervalMs?: number; message?: string } = {},
): Promise<T> {
  const untilMs = systemClock.monotonicMs() + (options.timeoutMs ?? 10_000);
  let cause: unknown;
  for (;;) {
    try {
      const answer = await probe();
      if (answer !== undefined && answer !== false) return answer;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (systemClock.monotonicMs() > untilMs) {
      throw new Error(`waited ${options.timeoutMs ?? 10_000} ms for ${options.message ?? probe.toString()}`, { cause });
    }
    await systemClock.sleep(options.intervalMs ?? 10);
  }
}
