import { NoaError, type Clock } from '@noa/core';
import type { Claim, ClaimKey, ClaimStore } from '../store/ClaimStore.ts';
import type { Sealer } from './Sealer.ts';

/** An answer of the token endpoint. */
export interface TokenEndpointAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: string;
}

export interface RefreshClaimsOptions {
  readonly store: ClaimStore;
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly graceMs: number;
}

/** `other-parameters`: the same token is wanted for another scope or resource at the same time. */
export type ExchangeResult = TokenEndpointAnswer | 'other-parameters';

const SEAL_PURPOSE = 'oidc-refresh-answer';
/** Pause between looks for the answer of another process. */
const POLL_MS = 50;
/** A claim without an answer is given up after this: its process has died. The engine decides about the token then. */
export const CLAIM_MS_MAX = 10_000;

/**
 * Rotation without races in front of the OpenID Connect engine. The engine treats the second use of a refresh token as
 * theft and revokes the whole grant, also when two tabs of an honest client were 13 ms apart. So one request claims the
 * token and asks the engine; those with the same token and the same credentials get the same answer, until the grace
 * period is over. After it the engine sees the token again and revokes.
 */
export class RefreshClaims {
  readonly #options: RefreshClaimsOptions;
  /** One exchange per token and credentials in this process; the others wait for it without asking the database. */
  readonly #running = new Map<string, Promise<TokenEndpointAnswer | undefined>>();

  constructor(options: RefreshClaimsOptions) {
    this.#options = options;
  }

  /**
   * @param ask - asks the engine.
   * @throws NoaError `OVERLOADED` (503) when another process has claimed the token and does not answer in time.
   */
  async exchange(key: ClaimKey, parameters: Buffer, ask: () => Promise<TokenEndpointAnswer>): Promise<ExchangeResult> {
    const name = `${key.hash.toString('base64')} ${key.proof.toString('base64')} ${parameters.toString('base64')}`;
    const running = this.#running.get(name);
    if (running !== undefined) return (await running) ?? 'other-parameters';
    const exchange = this.#exchange(key, parameters, ask).finally(() => this.#running.delete(name));
    this.#running.set(name, exchange);
    return (await exchange) ?? 'other-parameters';
  }

  async #exchange(key: ClaimKey, parameters: Buffer, ask: () => Promise<TokenEndpointAnswer>): Promise<TokenEndpointAnswer | undefined> {
    const { store, clock } = this.#options;
    const startedMs = clock.monotonicMs();
    while (clock.monotonicMs() - startedMs <= CLAIM_MS_MAX) {
      if (await store.claim(key, parameters, clock.now())) return this.#use(key, ask);
      const claim = await store.find(key);
      if (claim === undefined) continue;
      if (this.#isOver(claim)) return ask();
      if (!claim.parameters.equals(parameters)) return undefined;
      if (claim.sealedAnswer !== undefined) return this.#open(key, claim.sealedAnswer);
      await clock.sleep(POLL_MS);
    }
    throw new NoaError('OVERLOADED', { message: 'The token is being exchanged; try again shortly', httpStatus: 503, retryable: true });
  }

  async #use(key: ClaimKey, ask: () => Promise<TokenEndpointAnswer>): Promise<TokenEndpointAnswer> {
    const { store, sealer, clock } = this.#options;
    let isKept = false;
    try {
      const answer = await ask();
      if (answer.status === 200) {
        await store.answer(key, sealer.seal(SEAL_PURPOSE, contextOf(key), JSON.stringify(answer)), clock.now());
        isKept = true;
      }
      return answer;
    } finally {
      // Wrong credentials, a scope that was not granted: nothing was used up, so nothing stays claimed.
      if (!isKept) await store.release(key);
    }
  }

  #isOver(claim: Claim): boolean {
    const ageMs = this.#options.clock.now() - claim.claimedAtMs;
    return ageMs > (claim.sealedAnswer === undefined ? CLAIM_MS_MAX : this.#options.graceMs);
  }

  #open(key: ClaimKey, sealed: Buffer): TokenEndpointAnswer {
    return JSON.parse(this.#options.sealer.open(SEAL_PURPOSE, contextOf(key), sealed)) as TokenEndpointAnswer;
  }
}

function contextOf({ hash, proof }: ClaimKey): string {
  return `${hash.toString('hex')}.${proof.toString('hex')}`;
}
