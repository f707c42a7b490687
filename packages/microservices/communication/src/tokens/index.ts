export { TOKEN_ERRORS } from './errors.ts';
export { ACCESS_TOKEN_ALGORITHMS, TOKEN_BYTES_MAX, TokenVerifier, type TokenVerifierOptions } from './TokenVerifier.ts';
export { KEY_SET_REFRESH_MS, type FetchKeySet } from './KeySet.ts';
