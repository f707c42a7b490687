import type { Dispatcher } from 'undici';
import { NoaError, type Violation } from '@noa/core';

/** What a service answered. */
export interface ServiceAnswer<T> {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Parsed JSON; undefined when the answer had no body. */
  readonly body: T;
}

interface ReceivedProblem {
  readonly code?: string;
  readonly detail?: string;
  readonly retryable?: boolean;
  readonly errors?: readonly Violation[];
}

/** Reads an answer within a bound; an error status comes back as `error`, not thrown, since the caller may try again. */
export async function readAnswer<T>(
  response: Dispatcher.ResponseData,
  options: { service: string; bytesMax: number },
): Promise<ServiceAnswer<T> & { error?: NoaError; retryAfterMs: number }> {
  const { statusCode: status, headers } = response;
  const text = await readText(response, options);
  const value = text === '' ? undefined : parse(text);
  const seconds = Number(headers['retry-after']);
  const base = { status, headers, body: value as T, retryAfterMs: Number.isFinite(seconds) ? seconds * 1_000 : 0 };
  if (status < 400) {
    if (text !== '' && value === undefined) throw invalid(options.service, 'answered something that is not JSON');
    return base;
  }
  const problem = (typeof value === 'object' && value !== null ? value : {}) as ReceivedProblem;
  if (problem.code === undefined)
    return { ...base, error: status >= 500 ? unavailable(options.service, status) : invalid(options.service, `answered ${status}`) };
  const error = new NoaError(problem.code, {
    message: problem.detail ?? `The ${options.service} service answered ${status}`,
    httpStatus: status,
    retryable: problem.retryable ?? false,
    ...(problem.errors === undefined ? {} : { violations: problem.errors }),
  });
  return { ...base, error };
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
