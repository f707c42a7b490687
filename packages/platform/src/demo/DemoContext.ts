import { NoaError, systemClock } from '@noa/core';
import type { Secrets } from '../data/Secrets.ts';
import type { SystemState } from '../data/SystemState.ts';
import type { DatabaseURLs } from '../supervisor/buildEnvironment.ts';

/** Someone whom the demo has registered. */
export interface DemoPerson {
  readonly id: string;
  readonly email: string;
  readonly password: string;
  accessToken: string;
  refreshToken: string;
}

/** What the steps share. */
export interface DemoContext {
  readonly gateway: string;
  readonly issuer: string;
  readonly state: () => Promise<SystemState>;
  readonly secrets: Secrets;
  readonly databases: DatabaseURLs;
  /** Makes names of this run differ from those of earlier runs. */
  readonly runId: string;
  person?: DemoPerson;
}

/** One step: proves something and says what. */
export interface DemoStep {
  readonly title: string;
  /** @returns what was proved, in one line; `skipped` with the reason where it does not apply. */
  run(context: DemoContext): Promise<string | { readonly skipped: string }>;
}

export interface DemoAnswer<Body = Record<string, unknown>> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
}

const CALL_MS_MAX = 15_000;

/** One HTTP call over the public wire; any status is an answer. */
export async function call<Body = Record<string, unknown>>(
  base: string,
  method: string,
  path: string,
  options: { token?: string; body?: unknown } = {},
): Promise<DemoAnswer<Body>> {
  const response = await fetch(base + path, {
    method,
    headers: {
      ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
      ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
    signal: AbortSignal.timeout(CALL_MS_MAX),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: (text.startsWith('{') ? JSON.parse(text) : {}) as Body };
}

/** Ends the demo unless `condition` holds. @throws NoaError `DEMO_FAILED`. */
export function prove(condition: boolean, claim: string): asserts condition {
  if (!condition) throw new NoaError('DEMO_FAILED', { message: `Not so: ${claim}` });
}

/** Asks until there is an answer. @throws NoaError `DEMO_FAILED` after `timeoutMs`. */
export async function until<T>(claim: string, timeoutMs: number, probe: () => Promise<T | undefined>): Promise<T> {
  const endMs = systemClock.monotonicMs() + timeoutMs;
  for (;;) {
    const answer = await probe();
    if (answer !== undefined) return answer;
    prove(systemClock.monotonicMs() < endMs, `${claim} within ${timeoutMs / 1_000} s`);
    await systemClock.sleep(25);
  }
}

/** The person of the first step. */
export function personOf(context: DemoContext): DemoPerson {
  prove(context.person !== undefined, 'somebody is registered');
  return context.person;
}
