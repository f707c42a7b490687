import { STATUS_CODES } from 'node:http';
import { isNoaError, type Violation } from './NoaError.ts';

/** RFC 9457 problem details as Noa answers them. */
export interface Problem {
  /** `urn:noa:error:<code>`; the code's page is docs/errors.md. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly retryable: boolean;
  readonly traceId?: string;
  readonly requestId?: string;
  readonly errors?: readonly Violation[];
}

export const PROBLEM_CONTENT_TYPE = 'application/problem+json';

/** Turns anything thrown into a problem. What is not a NoaError becomes a bare 500 that reveals nothing. */
export function toProblem(error: unknown, context: { traceId?: string; requestId?: string } = {}): Problem {
  const known = isNoaError(error);
  const status = known ? error.httpStatus : 500;
  return {
    type: `urn:noa:error:${known ? error.code : 'INTERNAL'}`,
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail: known ? error.message : 'The server failed to answer this request',
    code: known ? error.code : 'INTERNAL',
    retryable: known ? error.retryable : false,
    ...(context.traceId === undefined ? {} : { traceId: context.traceId }),
    ...(context.requestId === undefined ? {} : { requestId: context.requestId }),
    ...(known && error.violations.length > 0 ? { errors: error.violations } : {}),
  };
}
