import { NoaError } from '@noa/core';
import { API_AUDIENCE, INTERNAL_AUDIENCE, type AccessClaims, type Role } from '@noa/contracts';
import type { TokenVerifier } from '../tokens/index.ts';
import type { ServiceRequest } from './ServiceDefinition.ts';

const BEARER = /^Bearer ([A-Za-z0-9._~+/=-]+)$/i;

/** Checks who calls. Services check again behind the gateway: being on the inside is no credential. */
export class CallerCheck {
  readonly #tokens: TokenVerifier;

  constructor(tokens: TokenVerifier) {
    this.#tokens = tokens;
  }

  /**
   * The verified claims of the request's bearer token: a person's or client's (`aud` noa-api), or a service's
   * (`aud` noa-internal with a `service:` subject).
   * @param options.roles - at least one of them must be held.
   * @throws NoaError `TOKEN_MISSING`, `TOKEN_INVALID`, `TOKEN_EXPIRED` (401) or `FORBIDDEN` (403).
   */
  async require(request: ServiceRequest, options: { roles?: readonly Role[] } = {}): Promise<AccessClaims> {
    const token = BEARER.exec(request.headers.authorization ?? '')?.[1];
    if (token === undefined) throw new NoaError('TOKEN_MISSING', { message: 'This route needs a bearer token', httpStatus: 401 });
    const claims = await this.#tokens.verify(token, [API_AUDIENCE, INTERNAL_AUDIENCE]);
    const isInternal = [claims.aud].flat().includes(INTERNAL_AUDIENCE);
    if (isInternal !== claims.sub.startsWith('service:')) throw forbidden();
    if (options.roles !== undefined && !options.roles.some((role) => claims.roles?.includes(role))) throw forbidden();
    return claims;
  }
}

function forbidden(): NoaError {
  return new NoaError('FORBIDDEN', { message: 'Your roles do not allow this', httpStatus: 403 });
}
