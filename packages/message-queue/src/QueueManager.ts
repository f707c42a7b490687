import {
  NoaError,
  type BackoffPolicy,
  type Clock,
  type Lifecycle,
  type Logger,
  type Metrics,
  type Random,
  type SQLExecutor,
  type Stoppable,
} from '@noa/core';
import type { Feature, QueueCapabilities } from './capabilities.ts';
import { createEnvelope } from './createEnvelope.ts';
import type { Envelope } from './Envelope.ts';
import type { Handler } from './Handler.ts';
import type { DeadLetter, OutgoingMessage, QueueDepth, QueueProvider } from './providers/QueueProvider.ts';
import { assertCapable, assertFeature, assertQueueName, resolveQueue, type QueueDefinition, type ResolvedQueue } from './QueueDefinition.ts';
import { queueMetrics, type QueueMetrics } from './queueMetrics.ts';
import { QueueWorker } from './QueueWorker.ts';
import { assertTopicPattern } from './topics.ts';

export interface QueueManagerOptions {
  readonly provider: QueueProvider;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface SendOptions {
  /** Key of de-duplication: one queue takes an id once while it knows it (until a day after its end). Default a new UUID. */
  readonly id?: string;
  /** Not before this much later, 0..DELAY_MS_MAX. Default 0. */
  readonly delayMs?: number;
  /** Higher first, -1000..1000; 1, 5, 10 and 15 are low, normal, high and urgent. Default 0. */
  readonly priority?: number;
  readonly partitionkey?: string;
  /** Enqueue with the caller's transaction: nothing runs unless it commits. */
  readonly tx?: SQLExecutor;
  /** Default the queue's name. */
  readonly type?: string;
  /** Default `noa/queue`. */
  readonly source?: string;
  readonly subject?: string;
}

export interface SubscribeOptions<T> {
  /** Instances with one name compete; different names each get every message. At most 59 characters. */
  readonly subscriber: string;
  /** `user.registered`, `user.*`, `#`; 1..64. */
  readonly topics: readonly string[];
  readonly handler: Handler<T>;
  readonly concurrency?: number;
  readonly attemptsMax?: number;
  readonly backoff?: BackoffPolicy;
}

export const DELAY_MS_MAX = 366 * 86_400_000;
export const PRIORITY_MAX = 1_000;
/** Deliveries at one time in one worker of one process. */
export const CONCURRENCY_MAX = 1_000;
export const TOPICS_MAX = 64;
export const DEAD_LETTER_PAGE_MAX = 500;
export const REDRIVE_MAX = 1_000;
/** Time a stopping worker gives its handlers. */
export const GRACE_MS_DEFAULT = 10_000;
const CONCURRENCY_DEFAULT = 5;
const SUBSCRIBER_PREFIX = 'sub.';

/**
 * Work queues and publish/subscribe over one provider: validates, declares, measures, and owns the workers it starts.
 * Everything is at-least-once: handlers see a message again after a crash between their effect and the acknowledgement.
 */
export class QueueManager implements Lifecycle {
  readonly #options: QueueManagerOptions;
  readonly #metrics: QueueMetrics;
  readonly #queues = new Map<string, ResolvedQueue>();
  readonly #workers = new Set<QueueWorker>();
  #isRunning = false;
  #stopping: Promise<void> | undefined;

  constructor(options: QueueManagerOptions) {
    this.#options = options;
    this.#metrics = queueMetrics(options.metrics);
  }

  async start(): Promise<void> {
    await this.#options.provider.start();
    this.#isRunning = true;
  }

  /** Drains every worker, then closes the provider. Twice is fine. */
  stop(options: { graceMs?: number } = {}): Promise<void> {
    this.#stopping ??= (async () => {
      await Promise.all([...this.#workers].map((worker) => worker.stop(options.graceMs ?? GRACE_MS_DEFAULT)));
      this.#isRunning = false;
      await this.#options.provider.stop();
    })();
    return this.#stopping;
  }

  capabilities(): Promise<QueueCapabilities> {
    this.#assertRunning();
    return this.#options.provider.capabilities();
  }

  /**
   * Makes the queue, or brings it to this definition.
   * @throws NoaError `QUEUE_DEFINITION_INVALID`, `QUEUE_CAPABILITY_MISSING`.
   */
  async declare(definition: QueueDefinition): Promise<void> {
    const queue = resolveQueue(definition);
    assertCapable(definition, await this.capabilities());
    await this.#options.provider.declare(queue);
    this.#queues.set(queue.name, queue);
  }

  /**
   * Puts one message into a queue; resolves when the engine has acknowledged it (with `tx`: when it is part of the transaction).
   * @throws NoaError `QUEUE_NOT_FOUND`, `QUEUE_CAPABILITY_MISSING`, `QUEUE_DEFINITION_INVALID`, `QUEUE_MESSAGE_TOO_LARGE`.
   */
  async send<T>(queue: string, data: T, options: SendOptions = {}): Promise<{ id: string }> {
    const { clock, random, provider } = this.#options;
    assertNumber('delayMs', options.delayMs, 0, DELAY_MS_MAX);
    assertNumber('priority', options.priority, -PRIORITY_MAX, PRIORITY_MAX);
    await this.#assertFeatures(queue, options);
    const envelope = createEnvelope({
      type: options.type ?? queue,
      source: options.source ?? 'noa/queue',
      data,
      ...(options.id === undefined ? {} : { id: options.id }),
      ...(options.subject === undefined ? {} : { subject: options.subject }),
      ...(options.partitionkey === undefined ? {} : { partitionkey: options.partitionkey }),
      clock,
      random,
    });
    const message: OutgoingMessage = {
      envelope,
      ...(options.delayMs === undefined ? {} : { delayMs: options.delayMs }),
      ...(options.priority === undefined ? {} : { priority: options.priority }),
    };
    await provider.send({ queue }, [message], options.tx === undefined ? {} : { tx: options.tx });
    this.#metrics.published.add({ queue });
    return { id: envelope.id };
  }

  /**
   * Gives events to every subscriber whose topics match their `type`, all or none. Without subscribers they go nowhere.
   * @param event - one, or several of one batch in their order.
   */
  async publish(event: Envelope | readonly Envelope[], options: { tx?: SQLExecutor } = {}): Promise<void> {
    this.#assertRunning();
    const events = (Array.isArray(event) ? event : [event]) as readonly Envelope[];
    if (options.tx !== undefined) assertFeature(await this.capabilities(), 'transactionalEnqueue', 'supported', 'subscribers');
    await this.#options.provider.send(
      { subscribers: true },
      events.map((envelope) => ({ envelope })),
      options,
    );
    for (const { type } of events) this.#metrics.published.add({ queue: type });
  }

  /**
   * Runs `handler` for the queue's messages until stopped.
   * @param options.concurrency - messages at one time, 1..1000. Default 5.
   * @throws NoaError `QUEUE_NOT_FOUND` when this process has not declared the queue: attempts and pauses are the worker's to know.
   */
  async work<T>(queue: string, handler: Handler<T>, options: { concurrency?: number } = {}): Promise<Stoppable> {
    this.#assertRunning();
    assertNumber('concurrency', options.concurrency, 1, CONCURRENCY_MAX);
    const definition = this.#queues.get(queue);
    if (definition === undefined)
      throw new NoaError('QUEUE_NOT_FOUND', { message: `Queue ${queue} is not declared by this process`, httpStatus: 404 });
    const worker = new QueueWorker({
      ...this.#options,
      queueMetrics: this.#metrics,
      queue: definition,
      handler: handler as Handler<unknown>,
      concurrency: options.concurrency ?? CONCURRENCY_DEFAULT,
    });
    await worker.start();
    this.#workers.add(worker);
    return {
      stop: async () => {
        await worker.stop(GRACE_MS_DEFAULT);
        this.#workers.delete(worker);
      },
    };
  }

  /** A durable subscription: what is published while no instance runs waits. Its queue is `sub.<subscriber>`. */
  async subscribe<T>(options: SubscribeOptions<T>): Promise<Stoppable> {
    const { subscriber, topics, handler, concurrency, attemptsMax, backoff } = options;
    assertQueueName(subscriber);
    assertNumber('topics', topics.length, 1, TOPICS_MAX);
    for (const topic of topics) assertTopicPattern(topic);
    const isPattern = topics.some((topic) => /[*#]/.test(topic));
    const name = `${SUBSCRIBER_PREFIX}${subscriber}`;
    await this.declare({
      name,
      require: { publishSubscribe: 'supported', ...(isPattern ? { topicPatterns: 'supported' as const } : {}) },
      ...(attemptsMax === undefined ? {} : { attemptsMax }),
      ...(backoff === undefined ? {} : { backoff }),
    });
    await this.#options.provider.bind(name, topics);
    return this.work(name, handler, concurrency === undefined ? {} : { concurrency });
  }

  /** Dead letters of `queue`, oldest first. @param options.limit - 1..500, default 50. */
  async deadLetters(queue: string, options: { limit?: number; cursor?: string } = {}): Promise<{ items: readonly DeadLetter[]; cursor?: string }> {
    this.#assertRunning();
    assertNumber('limit', options.limit, 1, DEAD_LETTER_PAGE_MAX);
    return this.#options.provider.deadLetters(queue, { ...options, limit: options.limit ?? 50 });
  }

  /** Moves dead letters back (or to `to`) as fresh messages. @param options.limit - 1..1000, default 1000. */
  async redrive(queue: string, options: { ids?: readonly string[]; limit?: number; to?: string } = {}): Promise<{ moved: number }> {
    assertFeature(await this.capabilities(), 'redrive', 'supported', queue);
    assertNumber('limit', options.limit, 1, REDRIVE_MAX);
    return { moved: await this.#options.provider.redrive(queue, { ...options, limit: options.limit ?? REDRIVE_MAX }) };
  }

  async depth(queue: string): Promise<QueueDepth> {
    this.#assertRunning();
    const depth = await this.#options.provider.depth(queue);
    for (const [state, value] of Object.entries(depth)) this.#metrics.size.set(value, { queue, state });
    return depth;
  }

  async #assertFeatures(queue: string, options: SendOptions): Promise<void> {
    const capabilities = await this.capabilities();
    const used: readonly (readonly [Feature, boolean])[] = [
      ['delay', (options.delayMs ?? 0) > 0],
      ['priority', (options.priority ?? 0) !== 0],
      ['transactionalEnqueue', options.tx !== undefined],
      ['deduplication', options.id !== undefined],
    ];
    for (const [feature, isUsed] of used) if (isUsed) assertFeature(capabilities, feature, 'supported', queue);
  }

  #assertRunning(): void {
    if (this.#isRunning) return;
    throw new NoaError('QUEUE_NOT_RUNNING', { message: 'The queue is not running', retryable: true, httpStatus: 503 });
  }
}

function assertNumber(field: string, value: number | undefined, min: number, max: number): void {
  if (value === undefined || (Number.isInteger(value) && value >= min && value <= max)) return;
  throw new NoaError('QUEUE_DEFINITION_INVALID', { message: `${field}: expected an integer ${min}..${max}, got ${value}`, httpStatus: 400 });
}
