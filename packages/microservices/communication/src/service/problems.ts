import { Type, type TSchema } from 'typebox';
import type { FastifyError } from 'fastify';
import { isNoaError, NoaError, PROBLEM_CONTENT_TYPE, toProblem } from '@noa/core';
import type { ServiceApp, ServiceRequest } from './ServiceDefinition.ts';
import { validationError } from './validation.ts';

/** RFC 9457 body of every error answer. */
export const ProblemSchema = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: Type.Integer(),
  detail: Type.String(),
  code: Type.String(),
  retryable: Type.Boolean(),
  traceId: Type.Optional(Type.String()),
  requestId: Type.Optional(Type.String()),
  errors: Type.Optional(Type.Array(Type.Object({ path: Type.String(), message: Type.String() }))),
});

/** Response schemas of a route's documented errors: `response: { 200: User, ...problemResponses(401, 404) }`. 400 and 500 are always there. */
export function problemResponses(...statuses: number[]): Record<number, { description: string; content: Record<string, { schema: TSchema }> }> {
  const all = new Set([400, 500, ...statuses]);
  return Object.fromEntries(
    [...all].map((status) => [status, { description: 'Problem', content: { [PROBLEM_CONTENT_TYPE]: { schema: ProblemSchema } } }]),
  );
}

/** Errors and unknown paths become problems; a 5xx is logged with its cause, which the caller never sees. */
export function useProblems(app: ServiceApp): void {
  app.setErrorHandler((thrown: FastifyError, request, reply) => {
    const error = asNoaError(thrown);
    if (error.httpStatus >= 500) request.log.error({ err: thrown, details: error.details, code: error.code }, 'the request failed');
    const retryAfterMs = error.details['retryAfterMs'];
    if (typeof retryAfterMs === 'number') reply.header('retry-after', String(Math.max(1, Math.ceil(retryAfterMs / 1_000))));
    else if (error.httpStatus === 503 && error.retryable) reply.header('retry-after', '1');
    if (error.httpStatus === 401 && !reply.hasHeader('www-authenticate')) reply.header('www-authenticate', challenge(error));
    return reply
      .code(error.httpStatus)
      .type(PROBLEM_CONTENT_TYPE)
      .serializer(JSON.stringify)
      .send(toProblem(error, identify(request)));
  });
  app.setNotFoundHandler((request, reply) => {
    const error = new NoaError('NOT_FOUND', { message: 'There is nothing at this address', httpStatus: 404 });
    return reply
      .code(404)
      .type(PROBLEM_CONTENT_TYPE)
      .serializer(JSON.stringify)
      .send(toProblem(error, identify(request)));
  });
}

/** RFC 6750 challenge of a 401. */
function challenge(error: NoaError): string {
  return error.code === 'TOKEN_MISSING' ? 'Bearer' : `Bearer error="invalid_token", error_description="${error.message.replaceAll('"', "'")}"`;
}

function identify(request: ServiceRequest): { traceId?: string; requestId: string } {
  const traceId = request.noa?.trace.traceId;
  return { requestId: request.id, ...(traceId === undefined ? {} : { traceId }) };
}

function asNoaError(error: FastifyError): NoaError {
  if (isNoaError(error)) return error;
  if (error.validation !== undefined) return validationError(error.validation as never, error.validationContext ?? 'body');
  const status = error.statusCode ?? 500;
  if (status === 413) return new NoaError('BODY_TOO_LARGE', { message: 'The body is larger than this route takes', httpStatus: 413, cause: error });
  if (status === 415)
    return new NoaError('MEDIA_TYPE_UNSUPPORTED', { message: 'This route does not take this media type', httpStatus: 415, cause: error });
  if (status >= 400 && status < 500)
    return new NoaError('REQUEST_INVALID', { message: 'The request is malformed', httpStatus: status, cause: error });
  return new NoaError('INTERNAL', { message: 'The server failed to answer this request', cause: error });
}
