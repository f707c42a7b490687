import { createPrivateKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import {
  describeError,
  NoaError,
  Repeater,
  uuidv7,
  type Clock,
  type Database,
  type Lifecycle,
  type Logger,
  type Random,
  type Stoppable,
} from '@noa/core';
import { KEYS_CHANNEL, type KeyChanges, type KeyStore, type StoredKey } from '../store/KeyStore.ts';
import type { Sealer } from './Sealer.ts';

export interface KeyRingOptions {
  readonly store: KeyStore;
  /** For LISTEN. */
  readonly database: Database;
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Age at which an active key is replaced. */
  readonly rotateAfterMs: number;
  /** How long a key is published before it may sign. */
  readonly leadMs: number;
  /** Longest life of anything signed; a retired key stays published that long, and one lead more. */
  readonly tokenMsMax: number;
}

export const ACCESS_TOKEN_ALGORITHM = 'EdDSA';
export const ID_TOKEN_ALGORITHM = 'RS256';
const ALGORITHMS = [ACCESS_TOKEN_ALGORITHM, ID_TOKEN_ALGORITHM] as const;
export type SigningAlgorithm = (typeof ALGORITHMS)[number];

export interface SigningKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: KeyObject;
}

type JWKRecord = Readonly<Record<string, unknown>>;

interface Snapshot {
  readonly active: ReadonlyMap<string, SigningKey>;
  /** Public halves of next, active and retired keys. */
  readonly published: readonly JWKRecord[];
  /** Private halves, active ones first. */
  readonly secret: readonly JWKRecord[];
  readonly fingerprint: string;
}

/** Backstop of the notifications, and the beat of scheduled rotation. */
const CHECK_MS = 30_000;
const SEAL_PURPOSE = 'signing-key';
const RSA_BITS = 2_048;

const generate = promisify(generateKeyPair);

/**
 * The keys that sign tokens, one line of them per algorithm.
 *
 *   next ── published for leadMs ──▶ active ── rotateAfterMs or on demand ──▶ retired ── tokenMsMax + leadMs ──▶ removed
 *
 * `next`, `active` and `retired` are published. The database is authoritative; changes happen under an advisory lock and
 * are told to the other auth processes by NOTIFY, with a check every 30 s behind it. A process that has not heard yet goes
 * on signing with a key that all verifiers still have. A crash in the middle leaves the last committed state.
 */
export class KeyRing implements Lifecycle {
  readonly #options: KeyRingOptions;
  readonly #repeater: Repeater;
  readonly #listeners: (() => void)[] = [];
  #listening: Stoppable | undefined;
  #snapshot: Snapshot | undefined;

  constructor(options: KeyRingOptions) {
    this.#options = options;
    this.#repeater = new Repeater({
      clock: options.clock,
      intervalMs: CHECK_MS,
      run: () => this.#check(),
      onError: (error) => options.logger.warn({ reason: describeError(error) }, 'signing keys could not be checked; the known ones stay'),
    });
  }

  async start(): Promise<void> {
    await this.#check();
    this.#repeater.start({ delayFirst: true });
    const again = (): void => this.#repeater.trigger();
    this.#listening = this.#options.database.listen(KEYS_CHANNEL, { onNotify: again, onConnect: again });
  }

  async stop(): Promise<void> {
    await this.#listening?.stop();
    await this.#repeater.stop();
  }

  /** Called after the keys have changed. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  get isReady(): boolean {
    return this.#snapshot !== undefined;
  }

  active(alg: SigningAlgorithm): SigningKey {
    const key = this.#known().active.get(alg);
    if (key === undefined) throw new NoaError('INTERNAL', { message: 'There is no signing key', details: { alg } });
    return key;
  }

  /** The key set as it is published. */
  published(): { keys: JWKRecord[] } {
    return { keys: [...this.#known().published] };
  }

  /** With private halves, the active keys before others of their algorithm. */
  secret(): { keys: JWKRecord[] } {
    return { keys: [...this.#known().secret] };
  }

  /**
   * Makes the next keys active.
   * @param options.force - also when verifiers may not have seen them yet; they then fetch on the unknown key id.
   * @throws NoaError `AUTH_KEY_TOO_YOUNG` (409, with the wait).
   */
  async rotate(options: { force?: boolean } = {}): Promise<void> {
    const { store, clock, leadMs, logger } = this.#options;
    await store.change(async (keys, changes) => {
      const youngestMs = Math.max(...keys.filter((key) => key.state === 'next').map((key) => key.publishedAtMs), 0);
      const waitMs = youngestMs + leadMs - clock.now();
      if (waitMs > 0 && !options.force) {
        throw new NoaError('AUTH_KEY_TOO_YOUNG', {
          message: 'The next key has not been published long enough',
          httpStatus: 409,
          retryable: true,
          details: { retryAfterMs: waitMs },
        });
      }
      for (const alg of ALGORITHMS) await this.#promote(alg, keys, changes);
    });
    await this.#load();
    logger.info({}, 'signing keys were rotated');
  }

  async #check(): Promise<void> {
    const { store } = this.#options;
    await this.#load();
    if (this.#snapshot === undefined || (await this.#isDue())) {
      await store.change(async (keys, changes) => {
        for (const alg of ALGORITHMS) await this.#advance(alg, keys, changes);
      });
      await this.#load();
    }
  }

  async #isDue(): Promise<boolean> {
    const keys = await this.#options.store.load();
    return (
      keys.some((key) => this.#isOverdue(key) || this.#isSpent(key)) ||
      ALGORITHMS.some((alg) => !keys.some((key) => key.alg === alg && key.state === 'next'))
    );
  }

  #isOverdue(key: StoredKey): boolean {
    return key.state === 'active' && this.#options.clock.now() - (key.activatedAtMs ?? 0) >= this.#options.rotateAfterMs;
  }

  #isSpent(key: StoredKey): boolean {
    const { clock, tokenMsMax, leadMs } = this.#options;
    return key.state === 'retired' && clock.now() - (key.retiredAtMs ?? 0) >= tokenMsMax + leadMs;
  }

  /** What time asks for, for one algorithm. */
  async #advance(alg: SigningAlgorithm, keys: readonly StoredKey[], changes: KeyChanges): Promise<void> {
    const { clock, leadMs } = this.#options;
    const own = keys.filter((key) => key.alg === alg);
    for (const key of own.filter((one) => this.#isSpent(one))) await changes.remove(key.kid);
    const active = own.find((key) => key.state === 'active');
    const next = own.find((key) => key.state === 'next');
    // The very first key signs at once: nobody has a copy of the set that could lack it.
    if (active === undefined && next === undefined) await changes.insert(await this.#make(alg, 'active'));
    if (next === undefined) await changes.insert(await this.#make(alg, 'next'));
    else if (active === undefined || (this.#isOverdue(active) && clock.now() - next.publishedAtMs >= leadMs)) await this.#promote(alg, keys, changes);
  }

  async #promote(alg: SigningAlgorithm, keys: readonly StoredKey[], changes: KeyChanges): Promise<void> {
    const nowMs = this.#options.clock.now();
    const own = keys.filter((key) => key.alg === alg);
    const active = own.find((key) => key.state === 'active');
    const next = own.find((key) => key.state === 'next');
    if (active !== undefined) await changes.retire(active.kid, nowMs);
    if (next === undefined) await changes.insert(await this.#make(alg, 'active'));
    else await changes.activate(next.kid, nowMs);
    await changes.insert(await this.#make(alg, 'next'));
  }

  async #make(alg: SigningAlgorithm, state: 'next' | 'active'): Promise<StoredKey> {
    const { clock, random, sealer } = this.#options;
    const pair = alg === 'EdDSA' ? await generate('ed25519') : await generate('rsa', { modulusLength: RSA_BITS });
    const kid = uuidv7(clock, random);
    const nowMs = clock.now();
    return {
      kid,
      alg,
      state,
      publicJWK: { ...pair.publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' },
      sealedPrivate: sealer.seal(SEAL_PURPOSE, kid, JSON.stringify(pair.privateKey.export({ format: 'jwk' }))),
      publishedAtMs: nowMs,
      activatedAtMs: state === 'active' ? nowMs : undefined,
      retiredAtMs: undefined,
    };
  }

  async #load(): Promise<void> {
    const keys = await this.#options.store.load();
    const fingerprint = keys.map((key) => `${key.kid}:${key.state}`).join(' ');
    if (fingerprint === this.#snapshot?.fingerprint || !ALGORITHMS.every((alg) => keys.some((key) => key.alg === alg && key.state === 'active')))
      return;
    const opened = keys.map((key) => ({ key, jwk: this.#open(key) }));
    const isActive = ({ key }: { key: StoredKey }): boolean => key.state === 'active';
    const ordered = [...opened.filter(isActive), ...opened.filter((one) => !isActive(one))];
    this.#snapshot = {
      active: new Map(opened.filter(isActive).map(({ key, jwk }) => [key.alg, { kid: key.kid, alg: key.alg, privateKey: privateKeyOf(jwk) }])),
      published: keys.map((key) => key.publicJWK),
      secret: ordered.map(({ jwk }) => jwk),
      fingerprint,
    };
    for (const listener of this.#listeners) listener();
  }

  #open(key: StoredKey): JWKRecord {
    const secret = JSON.parse(this.#options.sealer.open(SEAL_PURPOSE, key.kid, key.sealedPrivate)) as Record<string, unknown>;
    return { ...secret, kid: key.kid, alg: key.alg, use: 'sig' };
  }

  #known(): Snapshot {
    if (this.#snapshot === undefined) throw new NoaError('INTERNAL', { message: 'The signing keys are not loaded' });
    return this.#snapshot;
  }
}

function privateKeyOf(jwk: JWKRecord): KeyObject {
  return createPrivateKey({ key: jwk as never, format: 'jwk' });
}
