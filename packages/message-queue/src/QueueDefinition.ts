import { NoaError, type BackoffPolicy } from '@noa/core';
import { Support, type Feature, type QueueCapabilities } from './capabilities.ts';

/** What a queue is. Declaring it again with other values changes it for messages sent from then on. */
export interface QueueDefinition {
  /** `^[a-z][a-z0-9._-]{0,62}$`; names ending in `.dead` are taken by dead letters. */
  readonly name: string;
  /** Attempts before a message is a dead letter, 1..100. Default 4: the first and three retries. */
  readonly attemptsMax?: number;
  /** Pauses between attempts, full jitter. Default base 1 s, cap 30 s. */
  readonly backoff?: BackoffPolicy;
  /** A worker that is not heard of for this long loses its message to another, 10_000..3_600_000. Default 30_000. */
  readonly leaseMs?: number;
  /** Waiting messages older than this are removed, >= 60_000. Default 90 days. */
  readonly retentionMs?: number;
  /** Whether exhausted messages are kept as dead letters. Default true; false drops them, counted and logged. */
  readonly deadLetter?: boolean;
  /** Features the queue cannot do without, and whether an emulation will do. */
  readonly require?: Readonly<Partial<Record<Feature, 'native' | 'supported'>>>;
}

/** A definition with its defaults filled in. */
export interface ResolvedQueue {
  readonly name: string;
  readonly attemptsMax: number;
  readonly backoff: BackoffPolicy;
  readonly leaseMs: number;
  readonly retentionMs: number;
  readonly deadLetter: boolean;
}

export const QUEUE_NAME = /^[a-z][a-z0-9._-]{0,62}$/;
/** Queue of the dead letters of `queue`. */
export const DEAD_LETTER_SUFFIX = '.dead';
export const ATTEMPTS_MAX = 100;
export const LEASE_MS_MIN = 10_000;
export const LEASE_MS_MAX = 3_600_000;
export const RETENTION_MS_MIN = 60_000;
export const BACKOFF_MS_MAX = 86_400_000;

const DEFAULTS = {
  attemptsMax: 4,
  backoff: { baseMs: 1_000, capMs: 30_000 },
  leaseMs: 30_000,
  retentionMs: 90 * 86_400_000,
  deadLetter: true,
} as const;

export function deadLetterQueueOf(queue: string): string {
  return `${queue}${DEAD_LETTER_SUFFIX}`;
}

/**
 * Fills in the defaults.
 * @throws NoaError `QUEUE_DEFINITION_INVALID` naming the first field outside its limits.
 */
export function resolveQueue(definition: QueueDefinition): ResolvedQueue {
  const queue = {
    name: definition.name,
    attemptsMax: definition.attemptsMax ?? DEFAULTS.attemptsMax,
    backoff: definition.backoff ?? DEFAULTS.backoff,
    leaseMs: definition.leaseMs ?? DEFAULTS.leaseMs,
    retentionMs: definition.retentionMs ?? DEFAULTS.retentionMs,
    deadLetter: definition.deadLetter ?? DEFAULTS.deadLetter,
  };
  assertQueueName(queue.name);
  assertRange(queue, 'attemptsMax', queue.attemptsMax, 1, ATTEMPTS_MAX);
  assertRange(queue, 'leaseMs', queue.leaseMs, LEASE_MS_MIN, LEASE_MS_MAX);
  assertRange(queue, 'retentionMs', queue.retentionMs, RETENTION_MS_MIN, Number.MAX_SAFE_INTEGER);
  assertRange(queue, 'backoff.baseMs', queue.backoff.baseMs, 1, BACKOFF_MS_MAX);
  assertRange(queue, 'backoff.capMs', queue.backoff.capMs, queue.backoff.baseMs, BACKOFF_MS_MAX);
  return queue;
}

/** @throws NoaError `QUEUE_DEFINITION_INVALID` when `name` cannot be declared. */
export function assertQueueName(name: string): void {
  if (QUEUE_NAME.test(name) && !name.endsWith(DEAD_LETTER_SUFFIX)) return;
  throw new NoaError('QUEUE_DEFINITION_INVALID', {
    message: `queue.name: expected ${QUEUE_NAME.source} not ending in ${DEAD_LETTER_SUFFIX}, got ${JSON.stringify(name)}`,
    httpStatus: 400,
  });
}

function assertRange(queue: { name: string }, field: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new NoaError('QUEUE_DEFINITION_INVALID', {
    message: `queue ${queue.name}, ${field}: expected an integer ${min}..${max}, got ${value}`,
    httpStatus: 400,
  });
}

/**
 * Refuses a queue whose provider lacks what it asks for, when it is declared rather than when it is used.
 * @throws NoaError `QUEUE_CAPABILITY_MISSING` (501).
 */
export function assertCapable(definition: QueueDefinition, capabilities: QueueCapabilities): void {
  const required: Partial<Record<Feature, 'native' | 'supported'>> = { ...definition.require };
  if (definition.deadLetter !== false) required.deadLetter ??= 'supported';
  for (const [feature, level] of Object.entries(required) as [Feature, 'native' | 'supported'][]) {
    assertFeature(capabilities, feature, level, definition.name);
  }
}

/** @throws NoaError `QUEUE_CAPABILITY_MISSING` (501) when `feature` is not there, or is emulated while `native` is asked for. */
export function assertFeature(capabilities: QueueCapabilities, feature: Feature, level: 'native' | 'supported', queue: string): void {
  const has = capabilities.features[feature]?.support ?? Support.Unsupported;
  if (has === Support.Native || (has === Support.Emulated && level === 'supported')) return;
  throw new NoaError('QUEUE_CAPABILITY_MISSING', {
    message: `Queue ${queue} needs ${feature} (${level}), which ${capabilities.provider} has as: ${has}`,
    details: { queue, feature, level, support: has, provider: capabilities.provider },
    httpStatus: 501,
  });
}
