import type { QueueDefinition } from '../src/QueueDefinition.ts';

/**
 * The queues of the system. A service declares those it uses when it starts. Subscriptions are not here: a subscriber's queue
 * comes into being with `subscribe`.
 */
export const QUEUES = {
  /** Mails and other messages to people. Patient: a mail server may be away for an hour. */
  notifications: {
    name: 'notifications',
    attemptsMax: 10,
    backoff: { baseMs: 1_000, capMs: 600_000 },
    require: { deduplication: 'supported', retryBackoff: 'supported', redrive: 'supported' },
  },
  /** Background jobs of ordinary urgency: three retries within about a minute. */
  jobsDefault: { name: 'jobs-default', require: { delay: 'supported', priority: 'supported' } },
  /** Jobs someone waits for. */
  jobsHighPriority: { name: 'jobs-high-priority', require: { priority: 'supported' } },
  /** Jobs for quiet hours; a long lease, for they may compute for long stretches. */
  jobsLowPriority: { name: 'jobs-low-priority', leaseMs: 300_000, require: { delay: 'supported' } },
} as const satisfies Record<string, QueueDefinition>;
