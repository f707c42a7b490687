import { isNoaError, NoaError } from '@noa/core';
import { API_AUDIENCE, type AccessClaims, type RouteDeclaration } from '@noa/contracts';
import type { LocalResponse } from '../engine/HTTPEngine.ts';
import { problemResponse } from '../problemResponse.ts';
import type { Policy, PolicyContext } from './Policy.ts';

/** What the gateway needs of a token verifier. */
export interface TokenChecker {
  /** @throws NoaError `TOKEN_INVALID`, `TOKEN_EXPIRED` (401), or a 503 when no key is known yet. */
  verify(token: string, audience: string | string[]): Promise<AccessClaims>;
  /** Claims of a token that was verified before and is still good; undefined: ask `verify`. */
  peek?(token: string, audience: string | string[]): AccessClaims | undefined;
}

const BEARER = /^Bearer ([A-Za-z0-9._~+/-]+=*)$/i;

/** The token step of a route's chain; undefined when it wants none. The token itself goes on: services check it again. */
export function authenticate(route: RouteDeclaration, tokens: TokenChecker): Policy | undefined {
  if (route.auth === 'none') return undefined;
  return (context) => {
    const given = context.head.field('authorization');
    if (given === undefined) {
      if (route.auth === 'optional') return undefined;
      return challenge(context, new NoaError('TOKEN_MISSING', { message: 'This route needs a bearer token', httpStatus: 401 }));
    }
    const token = BEARER.exec(given)?.[1];
    if (token === undefined) {
      return challenge(context, new NoaError('TOKEN_INVALID', { message: 'The Authorization field is not a bearer token', httpStatus: 401 }));
    }
    const known = tokens.peek?.(token, API_AUDIENCE);
    if (known !== undefined) return admit(route, context, known);
    return tokens.verify(token, API_AUDIENCE).then(
      (claims) => admit(route, context, claims),
      (error: unknown) => {
        if (isNoaError(error) && error.httpStatus === 401) return challenge(context, error);
        throw error;
      },
    );
  };
}

function admit(route: RouteDeclaration, context: PolicyContext, claims: AccessClaims): LocalResponse | undefined {
  const { roles } = route;
  if (roles !== undefined && roles.length > 0 && !roles.some((role) => claims.roles?.includes(role))) {
    const error = new NoaError('FORBIDDEN', { message: 'Your roles do not allow this', httpStatus: 403 });
    return problemResponse(error, { ...context, fields: ['www-authenticate', 'Bearer error="insufficient_scope"'] });
  }
  context.claims = claims;
  return undefined;
}

/** RFC 6750 section 3: without a token no error code, with a bad one `invalid_token`. */
function challenge(context: PolicyContext, error: NoaError): LocalResponse {
  const detail = error.message.replace(/["\\]/g, "'");
  const value = error.code === 'TOKEN_MISSING' ? 'Bearer' : `Bearer error="invalid_token", error_description="${detail}"`;
  return problemResponse(error, { ...context, fields: ['www-authenticate', value] });
}
