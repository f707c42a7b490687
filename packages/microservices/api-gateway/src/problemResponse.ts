import { PROBLEM_CONTENT_TYPE, toProblem, type TraceContext } from '@noa/core';
import type { FieldList, LocalResponse } from './engine/HTTPEngine.ts';

export interface ProblemContext {
  readonly requestId: string;
  readonly trace?: TraceContext;
  readonly fields?: FieldList;
  readonly closes?: boolean;
}

/** A problem+json answer of the gateway itself. */
export function problemResponse(error: unknown, context: ProblemContext): LocalResponse {
  const traceId = context.trace?.traceId;
  const problem = toProblem(error, { requestId: context.requestId, ...(traceId === undefined ? {} : { traceId }) });
  return {
    status: problem.status,
    fields: ['content-type', PROBLEM_CONTENT_TYPE, 'cache-control', 'no-store', ...(context.fields ?? [])],
    body: JSON.stringify(problem),
    ...(context.closes === undefined ? {} : { closes: context.closes }),
  };
}
