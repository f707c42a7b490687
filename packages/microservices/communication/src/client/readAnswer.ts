import type { Dispatcher } from 'undici';
import { NoaError, type Violation } from '@noa/core';

/** What a service answered. */
export interface ServiceAnswer<T> {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Parsed JSON; undefined when the answer had no body. */
  readonly body: T;
}

/** An answer with the error it stands for, if any. */
export interface ReceivedAnswer<T> extends ServiceAnswer<T> {
  readonly error?: NoaError;
  /** What the service asked to wait, 0 for nothing. */
  readonly retryAfterMs: number;
}

/** What arrives is not trusted to have the form that the contract says. */
interface ReceivedProblem {
  readonly code?: unknown;
  readonly detail?: unknown;
  readonly retryable?: unknown;
  readonly errors?: unknown;
}

/** Statuses that say "not now" about the instance rather than something about the request. */
export const UNAVAILABLE_STATUSES: ReadonlySet<number> = new Set([502, 503, 504]);

/** Reads an answer within a bound; an error status comes back as `error`, not thrown, since the caller may try again. */
export async function readAnswer<T>(
  response: Dispatcher.ResponseData,
  /** `nowMs`: wall time, for a `Retry-After` that is a date. */
  options: { service: string; bytesMax: number; nowMs: number },
): Promise<ReceivedAnswer<T>> {
  const { statusCode: status, headers } = response;
  const text = await readText(response, options);
  const value = text === '' ? undefined : parse(text);
  const base = { status, headers, body: value as T, retryAfterMs: parseRetryAfter(headers['retry-after'], options.nowMs) };
  if (status < 400) {
    if (text !== '' && value === undefined) throw invalid(options.service, 'answered something that is not JSON');
    return base;
  }
  const problem = (typeof value === 'object' && value !== null ? value : {}) as ReceivedProblem;
  if (typeof problem.code !== 'string')
    return { ...base, error: status >= 500 ? unavailable(options.service, status) : invalid(options.service, `answered ${status}`) };
  const error = new NoaError(problem.code, {
    message: typeof problem.detail === 'string' ? problem.detail : `The ${options.service} service answered ${status}`,
    httpStatus: status,
    retryable: typeof problem.retryable === 'boolean' ? problem.retryable : UNAVAILABLE_STATUSES.has(status),
    ...(Array.isArray(problem.errors) ? { violations: problem.errors as readonly Violation[] } : {}),
  });
  return { ...base, error };
}

/** Seconds or a date (RFC 9110, 10.2.3), as a pause in milliseconds; 0 for nothing, the past and nonsense. */
export function parseRetryAfter(value: string | string[] | undefined, nowMs: number): number {
  if (typeof value !== 'string') return 0;
  if (/^\d+$/.test(value)) return Number(value) * 1_000;
  const atMs = Date.parse(value);
  return Number.isNaN(atMs) ? 0 : Math.max(atMs - nowMs, 0);
}

async function readText(response: Dispatcher.ResponseData, options: { service: string; bytesMax: number }): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response.body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > options.bytesMax) {
      response.body.destroy();
      throw invalid(options.service, `answered more than ${options.bytesMax} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function invalid(service: string, what: string): NoaError {
  return new NoaError('SERVICE_ANSWER_INVALID', { message: `The ${service} service ${what}`, httpStatus: 502 });
}

function unavailable(service: string, status: number): NoaError {
  return new NoaError('SERVICE_UNAVAILABLE', { message: `The ${service} service answered ${status}`, retryable: true, httpStatus: 503 });
}
