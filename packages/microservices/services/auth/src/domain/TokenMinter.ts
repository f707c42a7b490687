import { createHash } from 'node:crypto';
import { SignJWT } from 'jose';
import { uuidv7, type Clock, type Random } from '@noa/core';
import { API_AUDIENCE, INTERNAL_AUDIENCE, type Role } from '@noa/contracts';
import { ACCESS_TOKEN_ALGORITHM, type KeyRing } from './KeyRing.ts';

export interface TokenMinterOptions {
  readonly keys: KeyRing;
  readonly issuer: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly accessTokenSeconds: number;
}

export interface AccessTokenSubject {
  readonly accountId: string;
  readonly sessionId: string;
  readonly email: string;
  readonly roles: readonly Role[];
}

/** `client_id` of tokens that our own login hands out; RFC 9068 wants one. */
const FIRST_PARTY_CLIENT = 'noa';
const SERVICE_TOKEN_S = 300;
/** A service token is made anew this long before it expires. */
const SERVICE_TOKEN_SPARE_S = 60;
const REFRESH_TOKEN_BYTES = 32;
/** Lets secret scanners find leaked ones. */
const REFRESH_TOKEN_PREFIX = 'noa_rt_';

/** Makes tokens: access tokens as RFC 9068 JWTs, refresh tokens as random text of which only the SHA-256 is ever stored. */
export class TokenMinter {
  readonly #options: TokenMinterOptions;
  #serviceToken: { readonly value: string; readonly renewAtMs: number } | undefined;

  constructor(options: TokenMinterOptions) {
    this.#options = options;
  }

  accessToken(subject: AccessTokenSubject): Promise<string> {
    return this.#sign(API_AUDIENCE, this.#options.accessTokenSeconds, {
      sub: subject.accountId,
      sid: subject.sessionId,
      client_id: FIRST_PARTY_CLIENT,
      email: subject.email,
      roles: subject.roles,
    });
  }

  /** What this service presents to the others; kept until shortly before it expires. */
  async serviceToken(): Promise<string> {
    const nowMs = this.#options.clock.now();
    if (this.#serviceToken === undefined || nowMs >= this.#serviceToken.renewAtMs) {
      const value = await this.#sign(INTERNAL_AUDIENCE, SERVICE_TOKEN_S, { sub: 'service:auth', client_id: 'service:auth', roles: ['service'] });
      this.#serviceToken = { value, renewAtMs: nowMs + (SERVICE_TOKEN_S - SERVICE_TOKEN_SPARE_S) * 1_000 };
    }
    return this.#serviceToken.value;
  }

  refreshToken(): string {
    return REFRESH_TOKEN_PREFIX + Buffer.from(this.#options.random.bytes(REFRESH_TOKEN_BYTES)).toString('base64url');
  }

  #sign(audience: string, lifeSeconds: number, claims: Record<string, unknown>): Promise<string> {
    const { keys, issuer, clock, random } = this.#options;
    const key = keys.active(ACCESS_TOKEN_ALGORITHM);
    const nowS = Math.floor(clock.now() / 1_000);
    return new SignJWT({ ...claims, iss: issuer, aud: audience, iat: nowS, exp: nowS + lifeSeconds, jti: uuidv7(clock, random) })
      .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: 'at+jwt' })
      .sign(key.privateKey);
  }
}

/** The form in which a refresh token is stored and looked up. */
export function hashOfToken(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
