import { EventType, type UserChanged } from '@noa/contracts';
import type { Clock } from '@noa/core';
import type { AccountStore } from '../store/AccountStore.ts';
import type { SessionStore } from '../store/SessionStore.ts';

export interface UserFollowerOptions {
  readonly accounts: AccountStore;
  readonly sessions: SessionStore;
  readonly clock: Clock;
}

/** Events that decide whether an account may be used. */
export const FOLLOWED_TOPICS = [EventType.UserDeleted, EventType.UserRestored] as const;

/**
 * Lets accounts follow their users: a deleted user cannot log in and loses its sessions, a restored one can log in again.
 * Events may come twice or in the wrong order; the user's version decides.
 */
export class UserFollower {
  readonly #options: UserFollowerOptions;

  constructor(options: UserFollowerOptions) {
    this.#options = options;
  }

  async handle(event: { readonly type: string; readonly data: UserChanged }): Promise<void> {
    const { accounts, sessions, clock } = this.#options;
    const { userId, version } = event.data;
    await accounts.setStatus(userId, event.type === EventType.UserDeleted ? 'disabled' : 'active', version, clock.now());
    const account = await accounts.find(userId);
    // Asked of the account and not of the event: a repeated event ends what the first attempt may have left.
    if (account?.status === 'disabled') await sessions.revokeAll(userId, 'user-deleted', clock.now());
  }
}
