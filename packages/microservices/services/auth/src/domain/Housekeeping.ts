import { describeError, Repeater, type Clock, type Database, type Lifecycle, type Logger } from '@noa/core';
import type { ClaimStore } from '../store/ClaimStore.ts';
import type { LockoutStore } from '../store/LockoutStore.ts';
import { sweepOidcPayloads } from '../store/OidcAdapter.ts';
import type { SessionStore } from '../store/SessionStore.ts';
import { CLAIM_MS_MAX } from './RefreshClaims.ts';

export interface HousekeepingOptions {
  readonly database: Database;
  readonly sessions: SessionStore;
  readonly lockouts: LockoutStore;
  readonly claims: ClaimStore;
  readonly graceMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

const WIPE_EVERY_MS = 5_000;
const SWEEP_EVERY_MS = 300_000;
/** Ended sessions stay this long for questions about them. */
const KEEP_ENDED_MS = 30 * 86_400_000;

/** Removes what time has made useless: sealed answers after their grace period, ended sessions, old failures and records. */
export class Housekeeping implements Lifecycle {
  readonly #wiper: Repeater;
  readonly #sweeper: Repeater;

  constructor(options: HousekeepingOptions) {
    const { database, sessions, lockouts, claims, graceMs, clock, logger } = options;
    const onError = (error: unknown): void =>
      logger.warn({ reason: describeError(error) }, 'old records could not be removed; the next run tries again');
    this.#wiper = new Repeater({
      clock,
      intervalMs: WIPE_EVERY_MS,
      run: async () => {
        await sessions.wipe(clock.now() - graceMs);
        await claims.sweep(clock.now() - Math.max(graceMs, CLAIM_MS_MAX));
      },
      onError,
    });
    this.#sweeper = new Repeater({
      clock,
      intervalMs: SWEEP_EVERY_MS,
      run: async () => {
        await sessions.sweep(clock.now() - KEEP_ENDED_MS);
        await lockouts.sweep(clock.now());
        await sweepOidcPayloads({ database, clock });
      },
      onError,
    });
  }

  async start(): Promise<void> {
    this.#wiper.start({ delayFirst: true });
    this.#sweeper.start({ delayFirst: true });
  }

  async stop(): Promise<void> {
    await Promise.all([this.#wiper.stop(), this.#sweeper.stop()]);
  }
}
