import { createHash } from 'node:crypto';
import {
  childTrace,
  describeError,
  fullJitterMs,
  isNoaError,
  newTrace,
  parseTraceparent,
  runWithContext,
  type Clock,
  type Logger,
  type Random,
} from '@noa/core';
import type { Handler } from './Handler.ts';
import type { Consumer, Delivery, FailureRecord, Outcome, QueueProvider } from './providers/QueueProvider.ts';
import type { ResolvedQueue } from './QueueDefinition.ts';
import type { QueueMetrics } from './queueMetrics.ts';

export interface QueueWorkerOptions {
  readonly provider: QueueProvider;
  readonly queue: ResolvedQueue;
  readonly handler: Handler<unknown>;
  /** Messages at one time, >= 1. */
  readonly concurrency: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly queueMetrics: QueueMetrics;
}

const ERROR_MESSAGE_MAX = 1_000;

/**
 * Runs a handler for the deliveries of one queue and decides what becomes of each: acknowledged when it returns, again after
 * a pause when it throws, a dead letter when it throws JOB_REJECTED or the attempts are used up, handed back when the drain's
 * grace ends first. The provider owns claims and leases; this class owns policy, context and figures.
 */
export class QueueWorker {
  readonly #options: QueueWorkerOptions;
  #consumer: Consumer | undefined;
  #running = 0;

  constructor(options: QueueWorkerOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { provider, queue, concurrency, queueMetrics: metrics, logger } = this.#options;
    this.#consumer = await provider.consume(queue.name, {
      concurrency,
      onDelivery: (delivery) => this.#deliver(delivery),
      onStale: () => {
        metrics.stale.add({ queue: queue.name });
        logger.warn({ queue: queue.name }, 'an outcome came after its lease had passed on and was refused');
      },
    });
  }

  async stop(graceMs: number): Promise<void> {
    await this.#consumer?.stop(graceMs);
  }

  async #deliver(delivery: Delivery): Promise<Outcome> {
    const { queue, clock, random, queueMetrics: metrics } = this.#options;
    const labels = { queue: queue.name };
    const { envelope } = delivery;
    metrics.consumers.set((this.#running += 1), labels);
    metrics.age.observe(Math.max(0, clock.now() - Date.parse(envelope.time)) / 1_000, labels);
    const parent = parseTraceparent(envelope.traceparent);
    const trace = parent === undefined ? newTrace(random) : childTrace(parent, random);
    const startedMs = clock.monotonicMs();
    try {
      return await runWithContext({ requestId: envelope.id, trace }, () => this.#attempt(delivery));
    } finally {
      metrics.processing.observe((clock.monotonicMs() - startedMs) / 1_000, labels);
      metrics.consumers.set((this.#running -= 1), labels);
    }
  }

  async #attempt(delivery: Delivery): Promise<Outcome> {
    const { queue, handler, queueMetrics: metrics } = this.#options;
    const { envelope, attempt, signal } = delivery;
    const logger = this.#options.logger.child({ queue: queue.name, messageId: envelope.id, attempt });
    try {
      await handler(envelope, { attempt, signal, logger });
      metrics.consumed.add({ queue: queue.name });
      return { kind: 'ack' };
    } catch (error) {
      if (signal.aborted) {
        metrics.handedBack.add({ queue: queue.name });
        return { kind: 'handBack' };
      }
      return this.#failed(error, attempt, logger);
    }
  }

  #failed(error: unknown, attempt: number, logger: Logger): Outcome {
    const { queue, random, queueMetrics: metrics } = this.#options;
    const failure = describeFailure(error);
    if (isNoaError(error, 'JOB_REJECTED') || attempt >= queue.attemptsMax) {
      metrics.deadLetters.add({ queue: queue.name });
      logger.error({ err: error, fingerprint: failure.fingerprint }, 'the message is given up');
      return { kind: 'dead', failure };
    }
    const delayMs = fullJitterMs(queue.backoff, attempt, random);
    metrics.retries.add({ queue: queue.name });
    logger.warn({ err: error, delayMs }, 'the attempt failed and will be repeated');
    return { kind: 'retry', delayMs, failure };
  }
}

/** Code, message and a fingerprint that ignores what varies between failures of one kind: digits, hex, quoted text. */
export function describeFailure(error: unknown): FailureRecord {
  const known = (error as { code?: unknown } | null)?.code;
  const code = typeof known === 'string' ? known : error instanceof Error ? error.name : 'UNKNOWN';
  const message = describeError(error).slice(0, ERROR_MESSAGE_MAX);
  const shape = message.replace(/"[^"]*"|'[^']*'|\b[0-9a-f-]{8,}\b|\d+/gi, '?');
  return { code, message, fingerprint: createHash('sha256').update(`${code}\n${shape}`).digest('hex').slice(0, 16) };
}
