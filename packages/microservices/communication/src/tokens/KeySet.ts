import { importJWK, type CryptoKey, type JSONWebKeySet, type JWK } from 'jose';
import { describeError, NoaError, type Clock, type Counter, type Logger, type Metrics } from '@noa/core';

/** Reads the published key set (RFC 7517), from wherever the issuer serves it. */
export type FetchKeySet = () => Promise<JSONWebKeySet>;

export interface KeySetOptions {
  readonly jwks: FetchKeySet;
  /** Keys of other algorithms are ignored. */
  readonly algorithms: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Called after the set of keys has changed. */
  readonly onChange: () => void;
}

/** A set older than this is read again in the background. An issuer must publish a key at least twice as long before it signs. */
export const KEY_SET_REFRESH_MS = 60_000;
/** Pause after a fetch that did not bring the wanted key, or failed: what a flood of invented key ids can cost. */
const COOL_DOWN_MS = 5_000;
/** Pause after a failed fetch while there are no keys at all. */
const FIRST_COOL_DOWN_MS = 500;
/** Key ids known not to exist are refused without a fetch for this long, or until the set changes. */
const UNKNOWN_MS = 30_000;
const UNKNOWN_IDS_MAX = 1_000;
const KEYS_MAX = 64;
const KEY_ID_CHARS_MAX = 200;

interface PublishedKey {
  readonly alg: string;
  readonly key: CryptoKey;
}

/**
 * The issuer's public keys as this process knows them.
 *
 * The issuer is authoritative; this is a copy that is never emptied by a failure: while the issuer is away the last good
 * keys go on verifying. A key id that is not in the copy leads to one fetch, shared by everybody who waits for it. When
 * the fetch does not bring the key, further unknown ids are refused without a fetch during a cool-down; when it does, the
 * next unknown id may fetch at once, so honest rotations never wait.
 */
export class KeySet {
  readonly #options: KeySetOptions;
  readonly #fetches: Counter;
  readonly #unknownUntilMs = new Map<string, number>();
  #keys: ReadonlyMap<string, PublishedKey> | undefined;
  #fingerprint = '';
  #fetchedAtMs = 0;
  #coolUntilMs = 0;
  #fetching: Promise<void> | undefined;

  constructor(options: KeySetOptions) {
    this.#options = options;
    this.#fetches = options.metrics.counter('jwks_fetches_total', 'Fetches of the key set by result', ['result']);
  }

  /**
   * The key of this id, when it is published for this algorithm.
   * @throws NoaError `TOKEN_KEYS_UNAVAILABLE` (503) when no key set has ever been had.
   */
  async find(kid: string, alg: string): Promise<CryptoKey | undefined> {
    this.refreshIfStale();
    const known = this.#keys?.get(kid);
    if (known !== undefined) return known.alg === alg ? known.key : undefined;
    if (kid.length > KEY_ID_CHARS_MAX) return undefined;
    await this.#fetchFor(kid);
    if (this.#keys === undefined) {
      throw new NoaError('TOKEN_KEYS_UNAVAILABLE', { message: 'Tokens cannot be checked at the moment', httpStatus: 503, retryable: true });
    }
    const found = this.#keys.get(kid);
    return found?.alg === alg ? found.key : undefined;
  }

  /** Starts a fetch in the background when the copy is old. */
  refreshIfStale(): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (this.#keys === undefined || nowMs - this.#fetchedAtMs < KEY_SET_REFRESH_MS || nowMs < this.#coolUntilMs) return;
    void this.#fetch();
  }

  async #fetchFor(kid: string): Promise<void> {
    const { clock } = this.#options;
    const nowMs = clock.monotonicMs();
    const isCool = nowMs < this.#coolUntilMs || nowMs < (this.#unknownUntilMs.get(kid) ?? 0);
    // A fetch already under way may bring this key: waiting for it costs nothing.
    if (this.#fetching === undefined && isCool) return;
    await this.#fetch();
    if (this.#keys === undefined || this.#keys.has(kid)) return;
    const afterMs = clock.monotonicMs();
    this.#coolUntilMs = Math.max(this.#coolUntilMs, afterMs + COOL_DOWN_MS);
    if (this.#unknownUntilMs.size >= UNKNOWN_IDS_MAX) this.#unknownUntilMs.clear();
    this.#unknownUntilMs.set(kid, afterMs + UNKNOWN_MS);
  }

  #fetch(): Promise<void> {
    this.#fetching ??= this.#fetchOnce().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  async #fetchOnce(): Promise<void> {
    const { jwks, clock, logger } = this.#options;
    try {
      const keys = await this.#read(await jwks());
      this.#fetchedAtMs = clock.monotonicMs();
      this.#fetches.add({ result: 'success' });
      this.#replace(keys);
    } catch (error) {
      const pauseMs = this.#keys === undefined ? FIRST_COOL_DOWN_MS : COOL_DOWN_MS;
      this.#coolUntilMs = clock.monotonicMs() + pauseMs;
      this.#fetches.add({ result: 'failure' });
      logger.warn({ reason: describeError(error), hasKeys: this.#keys !== undefined }, 'the key set could not be fetched; the last good one stays');
    }
  }

  #replace(keys: ReadonlyMap<string, PublishedKey & { readonly text: string }>): void {
    const fingerprint = [...keys]
      .map(([kid, { text }]) => `${kid}:${text}`)
      .sort()
      .join('\n');
    const hasChanged = fingerprint !== this.#fingerprint;
    this.#keys = keys;
    this.#fingerprint = fingerprint;
    if (!hasChanged) return;
    this.#unknownUntilMs.clear();
    this.#options.onChange();
  }

  /** Takes public signature keys with an id and an accepted algorithm; anything else in the set is none of ours. */
  async #read(set: unknown): Promise<Map<string, PublishedKey & { readonly text: string }>> {
    const list: unknown = typeof set === 'object' && set !== null ? (set as { keys?: unknown }).keys : undefined;
    if (!Array.isArray(list)) throw new TypeError('the answer is not a key set');
    const keys = new Map<string, PublishedKey & { readonly text: string }>();
    for (const jwk of list.slice(0, KEYS_MAX) as (JWK | null)[]) {
      if (typeof jwk !== 'object' || jwk === null || !this.#isUsable(jwk)) continue;
      const { kid, alg } = jwk as { kid: string; alg: string };
      const key = await importJWK(jwk, alg).catch(() => undefined);
      if (key !== undefined && !(key instanceof Uint8Array)) keys.set(kid, { alg, key, text: JSON.stringify(jwk) });
    }
    if (keys.size === 0) throw new TypeError('the key set holds no usable key');
    return keys;
  }

  #isUsable(jwk: JWK): boolean {
    if (typeof jwk.kid !== 'string' || jwk.kid.length > KEY_ID_CHARS_MAX || typeof jwk.alg !== 'string') return false;
    return jwk.kty !== 'oct' && jwk.d === undefined && (jwk.use ?? 'sig') === 'sig' && this.#options.algorithms.includes(jwk.alg);
  }
}
