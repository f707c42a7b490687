/** Codes of token verification and of the check of a caller. */
export const TOKEN_ERRORS = {
  TOKEN_MISSING: 'The route needs a bearer token and the request carries none (401).',
  TOKEN_INVALID: 'The token is malformed, of a refused type or algorithm, not signed by a known key, or meant for another audience or issuer (401).',
  TOKEN_EXPIRED: 'The token was valid once; refresh it or log in again (401).',
  TOKEN_KEYS_UNAVAILABLE: 'No key set could be fetched from the auth service since this process started; check that auth runs (503).',
  FORBIDDEN: 'The caller is known and may not do this; check its roles (403).',
} as const;
