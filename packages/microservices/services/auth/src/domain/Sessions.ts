import { NoaError, uuidv7, type Clock, type Counter, type Logger, type Metrics, type Random, type SQLExecutor } from '@noa/core';
import type { Account } from '../store/AccountStore.ts';
import type { RefreshState, Session, SessionStore } from '../store/SessionStore.ts';
import type { Sealer } from './Sealer.ts';
import { hashOfToken, type TokenMinter } from './TokenMinter.ts';

export interface SessionsOptions {
  readonly store: SessionStore;
  readonly minter: TokenMinter;
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly accessTokenSeconds: number;
  readonly refreshTokenSeconds: number;
  readonly graceMs: number;
  /** Writes the event "family revoked" into the outbox, inside of the transaction that revokes. */
  readonly announceRevoked: (tx: SQLExecutor, event: { userId: string; sessionId: string; reason: string }) => Promise<void>;
}

/** Where a login came from, as shown in the list of sessions. */
export interface Device {
  readonly userAgent: string;
  readonly network: string;
}

/** What a client gets at login and at each refresh. */
export interface TokenAnswer {
  readonly accessToken: string;
  readonly tokenType: 'Bearer';
  readonly expiresIn: number;
  readonly refreshToken: string;
  readonly refreshExpiresIn: number;
  readonly sessionId: string;
}

/** However often it is refreshed, a session ends after this: 90 days. */
const SESSION_MS_MAX = 90 * 86_400_000;
const USER_AGENT_CHARS_MAX = 200;
const SEAL_PURPOSE = 'refresh-answer';

/**
 * Sessions and the rotation of their refresh tokens.
 *
 * A token is: live ── first use ──▶ used (its answer sealed beside it) ── grace ──▶ spent.
 * Exactly one use makes a successor. Whoever presents a used token within the grace period (requests that raced, an answer
 * lost on the way) gets the same successor; so a family has one live member at any time. A spent token presented again is
 * theft or a broken client: its family, and only that, is revoked, and the event is written in the same transaction.
 * Source: RFC 9700 section 4.14.2, with the grace period that honest concurrent clients need.
 */
export class Sessions {
  readonly #options: SessionsOptions;
  readonly #refreshes: Counter;

  constructor(options: SessionsOptions) {
    this.#options = options;
    this.#refreshes = options.metrics.counter('auth_refreshes_total', 'Refreshes by result: rotated, repeated, reused, refused', ['result']);
  }

  async open(account: Account, device: Device): Promise<TokenAnswer> {
    const { store, clock, random, minter, refreshTokenSeconds } = this.#options;
    const nowMs = clock.now();
    const sessionId = uuidv7(clock, random);
    const refreshToken = minter.refreshToken();
    const expiresAtMs = nowMs + refreshTokenSeconds * 1_000;
    const answer = await this.#answer({ accountId: account.id, sessionId, email: account.email, roles: account.roles }, refreshToken, expiresAtMs);
    await store.create({
      id: sessionId,
      accountId: account.id,
      tokenHash: hashOfToken(refreshToken),
      userAgent: device.userAgent.slice(0, USER_AGENT_CHARS_MAX),
      network: device.network,
      createdAtMs: nowMs,
      lastUsedAtMs: nowMs,
      expiresAtMs,
    });
    return answer;
  }

  /** @throws NoaError `AUTH_REFRESH_INVALID` or `AUTH_REFRESH_REUSED` (401). */
  async refresh(token: string): Promise<TokenAnswer> {
    const { store, minter, sealer, clock } = this.#options;
    const hash = hashOfToken(token);
    const state = await this.#usable(hash);
    if (state.usedAtMs !== undefined) return this.#repeat(hash, state);
    const nowMs = clock.now();
    const expiresAtMs = this.#expiry(state, nowMs);
    const refreshToken = minter.refreshToken();
    const answer = await this.#answer(state, refreshToken, expiresAtMs);
    const isWinner = await store.rotate({
      from: hash,
      to: hashOfToken(refreshToken),
      sessionId: state.sessionId,
      sealedAnswer: sealer.seal(SEAL_PURPOSE, hash.toString('hex'), JSON.stringify(answer)),
      nowMs,
      expiresAtMs,
    });
    if (!isWinner) return this.#repeat(hash, await this.#usable(hash));
    this.#refreshes.add({ result: 'rotated' });
    return answer;
  }

  list(accountId: string): Promise<Session[]> {
    return this.#options.store.list(accountId, this.#options.clock.now());
  }

  /** @throws NoaError `AUTH_SESSION_NOT_FOUND` (404). */
  async revoke(accountId: string, sessionId: string): Promise<void> {
    if (!(await this.#end(accountId, sessionId, 'user'))) {
      throw new NoaError('AUTH_SESSION_NOT_FOUND', { message: 'There is no such session', httpStatus: 404 });
    }
  }

  /** Ends the session of a refresh token, live or used. An unknown token is a session that has ended already. */
  async logout(token: string): Promise<void> {
    const state = await this.#options.store.findToken(hashOfToken(token));
    if (state !== undefined) await this.#end(state.accountId, state.sessionId, 'logout');
  }

  async logoutSession(accountId: string, sessionId: string): Promise<void> {
    await this.#end(accountId, sessionId, 'logout');
  }

  #end(accountId: string, sessionId: string, reason: string): Promise<boolean> {
    return this.#options.store.revoke({ accountId, sessionId, reason, nowMs: this.#options.clock.now() });
  }

  async #usable(hash: Buffer): Promise<RefreshState> {
    const state = await this.#options.store.findToken(hash);
    const nowMs = this.#options.clock.now();
    if (state === undefined || state.isRevoked || state.status !== 'active') throw this.#refused();
    if (state.usedAtMs === undefined && state.expiresAtMs <= nowMs) throw this.#refused();
    return state;
  }

  /** The answer that the first use got, or the end of the family. */
  async #repeat(hash: Buffer, state: RefreshState): Promise<TokenAnswer> {
    const { sealer, clock, graceMs } = this.#options;
    if (state.usedAtMs === undefined) throw this.#refused();
    const isWithinGrace = clock.now() - state.usedAtMs <= graceMs;
    if (isWithinGrace && state.sealedAnswer !== undefined) {
      this.#refreshes.add({ result: 'repeated' });
      return JSON.parse(sealer.open(SEAL_PURPOSE, hash.toString('hex'), state.sealedAnswer)) as TokenAnswer;
    }
    await this.#revokeFamily(state);
    throw new NoaError('AUTH_REFRESH_REUSED', { message: 'The refresh token was used before; the session has ended', httpStatus: 401 });
  }

  async #revokeFamily(state: RefreshState): Promise<void> {
    const { store, clock, logger, announceRevoked } = this.#options;
    const { accountId, sessionId } = state;
    const reason = 'refresh-token-reuse';
    this.#refreshes.add({ result: 'reused' });
    const wasLive = await store.revoke({ accountId, sessionId, reason, nowMs: clock.now() }, (tx) =>
      announceRevoked(tx, { userId: accountId, sessionId, reason }),
    );
    if (wasLive) logger.warn({ accountId, sessionId }, 'a spent refresh token was presented; its session is revoked');
  }

  #expiry(state: RefreshState, nowMs: number): number {
    return Math.min(nowMs + this.#options.refreshTokenSeconds * 1_000, state.sessionCreatedAtMs + SESSION_MS_MAX);
  }

  async #answer(
    subject: { accountId: string; sessionId: string; email: string; roles: Account['roles'] },
    refreshToken: string,
    expiresAtMs: number,
  ): Promise<TokenAnswer> {
    const { minter, clock, accessTokenSeconds } = this.#options;
    return {
      accessToken: await minter.accessToken(subject),
      tokenType: 'Bearer',
      expiresIn: accessTokenSeconds,
      refreshToken,
      refreshExpiresIn: Math.max(0, Math.floor((expiresAtMs - clock.now()) / 1_000)),
      sessionId: subject.sessionId,
    };
  }

  #refused(): NoaError {
    this.#refreshes.add({ result: 'refused' });
    return new NoaError('AUTH_REFRESH_INVALID', { message: 'The refresh token is not valid', httpStatus: 401 });
  }
}
