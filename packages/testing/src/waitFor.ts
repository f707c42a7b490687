import { systemClock } from '@noa/core';

const TIMEOUT_MS = 10_000;
const INTERVAL_MS = 10;

/**
 * Resolves with the first answer of `probe` that is neither undefined nor false. A probe that throws is asked again;
 * its last error is the cause of the failure. A probe that hangs counts as one that has not answered.
 * @param options.timeoutMs - default 10000.
 * @param options.intervalMs - pause between two probes, default 10.
 * @throws Error when `timeoutMs` has passed.
 */
export async function waitFor<T>(
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  options: { timeoutMs?: number; intervalMs?: number; message?: string } = {},
): Promise<T> {
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  const untilMs = systemClock.monotonicMs() + timeoutMs;
  let cause: unknown;
  for (;;) {
    try {
      const answer = await inTime(probe, untilMs);
      if (answer !== undefined && answer !== false) return answer;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (systemClock.monotonicMs() >= untilMs) {
      throw new Error(`waited ${timeoutMs} ms for ${options.message ?? probe.toString()}`, { cause });
    }
    await systemClock.sleep(options.intervalMs ?? INTERVAL_MS);
  }
}

async function inTime<T>(probe: () => T | Promise<T>, untilMs: number): Promise<T> {
  const abort = new AbortController();
  const late = systemClock.sleep(Math.max(untilMs - systemClock.monotonicMs(), 0), abort.signal).then(
    () => Promise.reject(new Error('the probe did not answer')),
    () => new Promise<never>(() => undefined),
  );
  try {
    return await Promise.race([probe(), late]);
  } finally {
    abort.abort();
  }
}
