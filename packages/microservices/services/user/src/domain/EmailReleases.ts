import { describeError, Repeater, type Clock, type Lifecycle, type Logger } from '@noa/core';
import type { Directory, ShardRouter } from '@noa/database-sharding';
import { UserStore, type StoredUser } from '../store/UserStore.ts';

export interface EmailReleasesOptions {
  readonly router: ShardRouter;
  readonly directory: Directory;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How often the janitor looks for what a crash has left. */
const JANITOR_MS = 30_000;
/** A claim this old belongs to no request in progress. */
const STALE_MS = 60_000;
const BATCH_MAX = 100;

/**
 * Keeps the directory of addresses in step with the rows, which are the truth: gives back addresses that users have
 * given up, and settles claims that a crash has left pending.
 */
export class EmailReleases implements Lifecycle {
  readonly #options: EmailReleasesOptions;
  readonly #janitor: Repeater;

  constructor(options: EmailReleasesOptions) {
    this.#options = options;
    this.#janitor = new Repeater({
      clock: options.clock,
      intervalMs: JANITOR_MS,
      run: () => this.sweep(),
      onError: (error) => options.logger.warn({ reason: describeError(error) }, 'addresses could not be settled; trying on'),
    });
  }

  async start(): Promise<void> {
    this.#janitor.start({ delayFirst: true });
  }

  stop(): Promise<void> {
    return this.#janitor.stop();
  }

  /**
   * After a commit: confirms the address that the user has now and gives back what they have given up. Failing is no
   * harm: a pending claim keeps the address as well, the notes stay, and the janitor comes.
   * @param claimed - the address claimed for the change that was committed.
   */
  async settle(userId: string, claimed?: string): Promise<void> {
    const { router } = this.#options;
    await this.#attempt(async () => {
      if (claimed !== undefined) await this.confirm(userId, claimed);
      const { rows } = await router.query<{ email: string }>(userId, 'SELECT email FROM users.email_releases WHERE user_id = $1', [userId]);
      for (const { email } of rows) await this.release(userId, email);
    });
  }

  /** Under the row's lock, so that an address which a later change has given up is not taken anew. */
  async confirm(userId: string, email: string): Promise<void> {
    const { router, directory } = this.#options;
    await router.transaction(userId, async (tx) => {
      if (holds(await UserStore.lock(tx, userId), email)) await directory.confirm(email, userId);
    });
  }

  /** Under the row's lock, so that a user who takes the address back meanwhile keeps it. */
  async release(userId: string, email: string): Promise<void> {
    const { router, directory } = this.#options;
    await router.transaction(userId, async (tx) => {
      if (!holds(await UserStore.lock(tx, userId), email)) await directory.release(email, userId);
      await UserStore.removeRelease(tx, userId, email);
    });
  }

  /** One pass over all shards and all stale claims; a shard that is away does not keep the others waiting. */
  async sweep(): Promise<void> {
    const { router, directory } = this.#options;
    await router.onEveryShard((database) =>
      this.#attempt(async () => {
        for (const { userId, email } of await UserStore.releases(database, BATCH_MAX)) await this.release(userId, email);
      }),
    );
    for (const claim of await directory.staleClaims(STALE_MS, BATCH_MAX)) {
      await this.#attempt(() =>
        router.transaction(claim.ownerId, async (tx) => {
          if (holds(await UserStore.lock(tx, claim.ownerId), claim.value)) await directory.confirm(claim.value, claim.ownerId);
          else await directory.release(claim.value, claim.ownerId, { ifStale: claim });
        }),
      );
    }
  }

  async #attempt(body: () => Promise<void>): Promise<void> {
    try {
      await body();
    } catch (error) {
      this.#options.logger.warn({ reason: describeError(error) }, 'an address will be settled later');
    }
  }
}

function holds(user: StoredUser | undefined, email: string): boolean {
  return user !== undefined && user.deletedAt === undefined && user.email === email;
}
