import { isUtf8 } from 'node:buffer';
import { NoaError } from '@noa/core';
import type { ServiceApp, ServiceRequest } from './ServiceDefinition.ts';

const NUL_ESCAPE = /(?:^|[^\\])(?:\\\\)*\\u0000/;
const SURROGATE_ESCAPE = /\\ud[89a-f]/i;

/**
 * Takes JSON bodies only, and only such whose text every part behind can keep: UTF-8, no compression, no NUL
 * (PostgreSQL refuses it) and no half surrogate pairs (jsonb refuses them).
 */
export function useStrictJSON(app: ServiceApp): void {
  app.removeAllContentTypeParsers();
  const parse = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser(
    ['application/json', 'application/merge-patch+json', 'application/scim+json'],
    { parseAs: 'buffer' },
    (request, body, done) => {
      const refusal = refuse(request, body as Buffer);
      if (refusal !== undefined) return done(refusal);
      const text = body.toString('utf8');
      // An empty body is "no body": what a route requires, its schema says.
      if (text.trim() === '') return done(null, undefined);
      void parse(request, text, (error, value) => {
        if (error !== null) return done(invalid('The body is not valid JSON'));
        if (SURROGATE_ESCAPE.test(text) && !isWellFormed(value)) return done(invalid('The body holds half a surrogate pair'));
        done(null, value);
      });
    },
  );
}

function refuse(request: ServiceRequest, body: Buffer): NoaError | undefined {
  const charset = /charset\s*=\s*"?([^";\s]+)/i.exec(request.headers['content-type'] ?? '')?.[1];
  if (charset !== undefined && !/^utf-?8$/i.test(charset)) {
    return new NoaError('MEDIA_TYPE_UNSUPPORTED', { message: 'Only UTF-8 bodies are taken', httpStatus: 415 });
  }
  if (!isUtf8(body)) return invalid('The body is not valid UTF-8');
  return NUL_ESCAPE.test(body.toString('latin1')) ? invalid('The body holds a NUL character') : undefined;
}

function invalid(message: string): NoaError {
  return new NoaError('VALIDATION_FAILED', { message, httpStatus: 400, violations: [{ path: '/', message }] });
}

function isWellFormed(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([key, item]) => key.isWellFormed() && isWellFormed(item));
}
