import type { Lifecycle, SQLExecutor } from '@noa/core';
import type { Envelope } from '../Envelope.ts';
import type { QueueCapabilities } from '../capabilities.ts';
import type { ResolvedQueue } from '../QueueDefinition.ts';

/** A message on its way into the engine. */
export interface OutgoingMessage {
  readonly envelope: Envelope;
  /** Not before this much later, >= 0. Default 0. */
  readonly delayMs?: number;
  /** Higher first, -1000..1000. Default 0. */
  readonly priority?: number;
}

/** One named queue, or every queue bound to a pattern that the message's `type` matches. */
export type Destination = { readonly queue: string } | { readonly subscribers: true };

/** Why an attempt failed; kept with the message. */
export interface FailureRecord {
  readonly code: string;
  readonly message: string;
  /** Same for failures of the same kind, so that dead letters can be grouped. */
  readonly fingerprint: string;
}

/** One attempt at one message, under a lease. */
export interface Delivery {
  readonly envelope: Envelope;
  /** 1, 2, …; a takeover from a dead worker and a hand-back do not count. */
  readonly attempt: number;
  /** Aborts when the lease was lost or the drain's grace is over: finish or give up, the outcome no longer counts. */
  readonly signal: AbortSignal;
}

/** What becomes of a delivery. */
export type Outcome =
  | { readonly kind: 'ack' }
  | { readonly kind: 'retry'; readonly delayMs: number; readonly failure: FailureRecord }
  | { readonly kind: 'dead'; readonly failure: FailureRecord }
  | { readonly kind: 'handBack' };

export interface ConsumeOptions {
  /** Deliveries at one time, >= 1; never more are claimed. */
  readonly concurrency: number;
  /** Must not reject. */
  readonly onDelivery: (delivery: Delivery) => Promise<Outcome>;
  /** An outcome came too late: the lease had passed to another. */
  readonly onStale?: () => void;
}

export interface Consumer {
  /** Claims nothing more, waits up to `graceMs` for what runs, hands the rest back with its attempt count unchanged. */
  stop(graceMs: number): Promise<void>;
}

export interface DeadLetter {
  /** Names the dead letter for `redrive`; not the envelope's id. */
  readonly id: string;
  readonly envelope: Envelope;
  readonly failure: FailureRecord;
  readonly sourceQueue: string;
  readonly attempts: number;
  /** RFC 3339. */
  readonly deadSince: string;
}

export interface QueueDepth {
  readonly ready: number;
  readonly delayed: number;
  readonly active: number;
  readonly dead: number;
}

export interface Page {
  readonly items: readonly DeadLetter[];
  readonly cursor?: string;
}

/**
 * What an engine must do to carry Noa's queues. Delivery is at-least-once everywhere; what else holds, and what an
 * acknowledged send survives, is in `capabilities`. No method shows the engine's own notions.
 */
export interface QueueProvider extends Lifecycle {
  /** Read from the live engine; constant after `start`. */
  capabilities(): Promise<QueueCapabilities>;
  /** Makes the queue, or brings it to this definition. */
  declare(queue: ResolvedQueue): Promise<void>;
  /**
   * Resolves when the engine has acknowledged all messages. A message whose envelope id the queue still knows is not added again.
   * @param options.tx - join this transaction of the caller's; only where `transactionalEnqueue` is there.
   * @throws NoaError `QUEUE_NOT_FOUND`, `QUEUE_MESSAGE_TOO_LARGE`, `QUEUE_TRANSACTION_ELSEWHERE`.
   */
  send(destination: Destination, messages: readonly OutgoingMessage[], options?: { tx?: SQLExecutor }): Promise<void>;
  consume(queue: string, options: ConsumeOptions): Promise<Consumer>;
  /** The queue's patterns are these from now on. */
  bind(queue: string, patterns: readonly string[]): Promise<void>;
  depth(queue: string): Promise<QueueDepth>;
  /** Oldest first. */
  deadLetters(queue: string, options: { limit: number; cursor?: string }): Promise<Page>;
  /** Moves dead letters of `queue` to `to` (default: where they came from) as fresh messages, each at most once. */
  redrive(queue: string, options: { limit: number; ids?: readonly string[]; to?: string }): Promise<number>;
}
