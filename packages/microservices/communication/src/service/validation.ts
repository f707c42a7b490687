import { Ajv, type ErrorObject } from 'ajv';
import ajvFormats from 'ajv-formats';
import { NoaError, type Violation } from '@noa/core';
import type { ServiceApp } from './ServiceDefinition.ts';

/** Field errors reported at most; an attacker chooses how wrong a body is. */
const VIOLATIONS_MAX = 20;

/**
 * Bodies are taken as they are: no coercion, no silent removal of unknown fields. What arrives as text by nature (query,
 * path, headers) is coerced to its schema's type.
 */
export function useValidation(app: ServiceApp): void {
  const body = ajv({ coerceTypes: false });
  const text = ajv({ coerceTypes: true });
  app.setValidatorCompiler(({ schema, httpPart }) => (httpPart === 'body' ? body : text).compile(schema));
}

function ajv(options: { coerceTypes: boolean }): Ajv {
  const instance = new Ajv({ ...options, useDefaults: true, removeAdditional: false, allErrors: false, strict: false, validateFormats: true });
  ajvFormats.default(instance);
  return instance;
}

/** Fastify's validation error as ours. @param part - `body`, `querystring`, `params` or `headers`. */
export function validationError(errors: readonly ErrorObject[], part: string): NoaError {
  const prefix = { querystring: 'query', params: 'path', headers: 'header' }[part];
  const violations = errors.slice(0, VIOLATIONS_MAX).map((error): Violation => {
    const missing = error.keyword === 'required' ? `/${String(error.params['missingProperty'])}` : '';
    const unknown = error.keyword === 'additionalProperties' ? `/${String(error.params['additionalProperty'])}` : '';
    const pointer = `${error.instancePath}${missing}${unknown}` || '/';
    return { path: prefix === undefined ? pointer : `${prefix}${pointer.replaceAll('/', '.')}`, message: error.message ?? 'is not valid' };
  });
  const first = violations[0];
  const message = first === undefined ? 'The request is not valid' : `${first.path} ${first.message}`;
  return new NoaError('VALIDATION_FAILED', { message, httpStatus: 400, violations });
}
