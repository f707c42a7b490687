import { hash } from 'node:crypto';
import { errors, jwtVerify, type CryptoKey, type JWTHeaderParameters } from 'jose';
import { Compile } from 'typebox/compile';
import { AccessClaimsSchema, type AccessClaims } from '@noa/contracts';
import { isNoaError, NoaError, type Clock, type Counter, type Logger, type Metrics } from '@noa/core';
import { KeySet, type FetchKeySet } from './KeySet.ts';

export interface TokenVerifierOptions {
  readonly jwks: FetchKeySet;
  /** Exactly the `iss` of accepted tokens. */
  readonly issuer: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Asymmetric algorithms only: a shared secret that every service holds would let every service mint. */
export const ACCESS_TOKEN_ALGORITHMS = ['EdDSA', 'ES256', 'RS256'] as const;
/** A longer token is refused unread. */
export const TOKEN_BYTES_MAX = 8_192;
/** Difference of clocks between machines that is forgiven. */
const LEEWAY_S = 5;
/** Verified tokens remembered; at about 1 KiB each. */
const CACHE_MAX = 10_000;

interface Remembered {
  readonly claims: AccessClaims;
  readonly expiresAtMs: number;
}

/**
 * Verifies access tokens (RFC 9068 `at+jwt`) offline, by the issuer's published keys.
 *
 * A token verified once is remembered by its SHA-256 digest until it expires or the key set changes, so the same token
 * costs one hash the next time. Key, algorithm and type come from the verifier's own lists (RFC 8725), never from the token.
 */
export class TokenVerifier {
  readonly #options: TokenVerifierOptions;
  readonly #keys: KeySet;
  readonly #claims = Compile(AccessClaimsSchema);
  readonly #remembered = new Map<string, Remembered>();
  readonly #results: Counter;
  /** Rises with each change of the key set: a verification that began before must not be remembered after. */
  #generation = 0;

  constructor(options: TokenVerifierOptions) {
    const { jwks, clock, logger, metrics } = options;
    this.#options = options;
    this.#results = metrics.counter('token_verifications_total', 'Access tokens checked, by result', ['result']);
    this.#keys = new KeySet({ jwks, algorithms: ACCESS_TOKEN_ALGORITHMS, clock, logger, metrics, onChange: () => this.#forget() });
  }

  /**
   * @param audience - one of these must be in the token's `aud`.
   * @throws NoaError `TOKEN_INVALID` or `TOKEN_EXPIRED` (401), `TOKEN_KEYS_UNAVAILABLE` (503).
   */
  async verify(token: string, audience: string | readonly string[]): Promise<AccessClaims> {
    try {
      const claims = this.#recall(token) ?? (await this.#check(token));
      if (!hasAudience(claims, audience)) throw invalid('The token is meant for another audience');
      this.#results.add({ result: 'accepted' });
      return claims;
    } catch (error) {
      this.#results.add({ result: isNoaError(error, 'TOKEN_EXPIRED') ? 'expired' : isNoaError(error, 'TOKEN_INVALID') ? 'refused' : 'failed' });
      throw error;
    }
  }

  /** The claims of a token that has been verified before, without waiting; undefined says nothing about the token. */
  peek(token: string, audience: string | readonly string[]): AccessClaims | undefined {
    const claims = this.#recall(token);
    return claims !== undefined && hasAudience(claims, audience) ? claims : undefined;
  }

  #recall(token: string): AccessClaims | undefined {
    this.#keys.refreshIfStale();
    if (token.length > TOKEN_BYTES_MAX) return undefined;
    const digest = digestOf(token);
    const entry = this.#remembered.get(digest);
    if (entry === undefined) return undefined;
    if (this.#options.clock.now() < entry.expiresAtMs) return entry.claims;
    this.#remembered.delete(digest);
    return undefined;
  }

  async #check(token: string): Promise<AccessClaims> {
    if (token.length > TOKEN_BYTES_MAX) throw invalid('The token is too long');
    let generation = -1;
    const claims = await this.#verifySignature(token, async (header) => {
      const key = await this.#keyFor(header);
      generation = this.#generation;
      return key;
    });
    if (!this.#claims.Check(claims)) throw invalid('The token lacks a claim or has one of a wrong type');
    if (generation === this.#generation) this.#remember(token, claims);
    return claims;
  }

  async #verifySignature(token: string, keyFor: (header: JWTHeaderParameters) => Promise<CryptoKey>): Promise<unknown> {
    const { issuer, clock } = this.#options;
    try {
      const { payload } = await jwtVerify(token, keyFor, {
        algorithms: [...ACCESS_TOKEN_ALGORITHMS],
        issuer,
        typ: 'at+jwt',
        clockTolerance: LEEWAY_S,
        currentDate: new Date(clock.now()),
        requiredClaims: ['exp', 'iat', 'sub', 'jti', 'aud'],
      });
      return Object.freeze(payload);
    } catch (error) {
      if (isNoaError(error)) throw error;
      if (error instanceof errors.JWTExpired) {
        throw new NoaError('TOKEN_EXPIRED', { message: 'The token has expired', httpStatus: 401, cause: error });
      }
      throw invalid('The token is not valid', error);
    }
  }

  async #keyFor(header: JWTHeaderParameters): Promise<CryptoKey> {
    if (header.crit !== undefined) throw invalid('The token has critical extensions');
    if (typeof header.kid !== 'string' || header.kid === '') throw invalid('The token names no key');
    const key = await this.#keys.find(header.kid, header.alg);
    if (key === undefined) throw invalid('The token is signed by an unknown key');
    return key;
  }

  #remember(token: string, claims: AccessClaims): void {
    if (this.#remembered.size >= CACHE_MAX) {
      const oldest = this.#remembered.keys().next().value;
      if (oldest !== undefined) this.#remembered.delete(oldest);
    }
    this.#remembered.set(digestOf(token), { claims, expiresAtMs: claims.exp * 1_000 });
  }

  #forget(): void {
    this.#generation += 1;
    this.#remembered.clear();
  }
}

function hasAudience(claims: AccessClaims, wanted: string | readonly string[]): boolean {
  const list = typeof wanted === 'string' ? [wanted] : wanted;
  return [claims.aud].flat().some((audience) => list.includes(audience));
}

function digestOf(token: string): string {
  return hash('sha256', token, 'base64');
}

function invalid(message: string, cause?: unknown): NoaError {
  return new NoaError('TOKEN_INVALID', { message, httpStatus: 401, cause });
}
