import type { BackoffPolicy, Clock, Random, SQLExecutor, Stoppable } from '@noa/core';
import { createEnvelope, rejectJob, type Envelope, type Handler, type QueueManager } from '@noa/message-queue';
import type { Static, TSchema } from 'typebox';
import { Compile } from 'typebox/compile';

export interface EventBusOptions {
  readonly queue: Pick<QueueManager, 'publish' | 'subscribe'>;
  /** Who speaks, `noa/<service>`. */
  readonly source: string;
  readonly clock: Clock;
  readonly random: Random;
}

export interface PublishOptions {
  /** The entity it is about. */
  readonly subject?: string;
  /** Events of one key keep their order where the provider does. */
  readonly partitionkey?: string;
  /** Publish with a transaction of the queue's own database; of another database: `appendToOutbox`. */
  readonly tx?: SQLExecutor;
}

export interface EventSubscribeOptions {
  /** Events at one time in this process, 1..1000. Default 5. */
  readonly concurrency?: number;
  /** Tries before an event is a dead letter. Default 4. */
  readonly attemptsMax?: number;
  readonly backoff?: BackoffPolicy;
}

/** What a subscriber does with one type of event. */
export interface EventHandler<Schema extends TSchema> {
  /** Of the event's data; additions of a newer publisher pass where the schema lets them. */
  readonly schema: Schema;
  /** At least once: the same event id may come again. Throwing asks for another try. */
  readonly handle: Handler<Static<Schema>>;
}

/**
 * Events between services by type and schema, over the queue: whoever subscribes gets data that has been checked, and an
 * event that does not fit is a dead letter at once, since no retry can help it.
 */
export class EventBus {
  readonly #options: EventBusOptions;

  constructor(options: EventBusOptions) {
    this.#options = options;
  }

  /**
   * Gives the event to every subscriber of its type; resolves when the queue has it (with `tx`: when it is part of the transaction).
   * @param type - dotted words, `user.registered`.
   * @throws NoaError `QUEUE_DEFINITION_INVALID` for a malformed type; what `QueueManager.publish` throws.
   */
  async publish<Data>(type: string, data: Data, options: PublishOptions = {}): Promise<Envelope<Data>> {
    const { queue, source, clock, random } = this.#options;
    const { tx, ...about } = options;
    const event = createEnvelope<Data>({ type, source, data, ...about, clock, random });
    await queue.publish(event, tx === undefined ? {} : { tx });
    return event;
  }

  /**
   * Durable: what is published while no instance of the subscriber runs waits for it. Instances of one name share the events.
   * @param handlers - by type; together they are what this subscriber gets from now on.
   */
  subscribe<Schemas extends Readonly<Record<string, TSchema>>>(
    subscriber: string,
    handlers: { readonly [Type in keyof Schemas]: EventHandler<Schemas[Type]> },
    options: EventSubscribeOptions = {},
  ): Promise<Stoppable> {
    const byType = new Map<string, Handler>();
    for (const [type, handler] of Object.entries<EventHandler<TSchema>>(handlers)) byType.set(type, checked(type, handler));
    return this.#options.queue.subscribe({
      subscriber,
      topics: [...byType.keys()],
      ...options,
      handler: async (event, context) => {
        const handle = byType.get(event.type);
        // Published for an older version of this subscriber, which followed more.
        if (handle === undefined) return rejectJob(`${subscriber} does not handle ${event.type}`);
        await handle(event, context);
      },
    });
  }
}

function checked(type: string, { schema, handle }: EventHandler<TSchema>): Handler {
  const validator = Compile(schema);
  return async (event, context) => {
    if (!validator.Check(event.data)) {
      // The place and the rule; the value stays in the envelope and out of the logs.
      const [first] = validator.Errors(event.data);
      rejectJob(`${type} is not of its schema at ${first?.instancePath || '/'}: ${first?.message ?? 'unknown'}`);
    }
    await handle(event, context);
  };
}
