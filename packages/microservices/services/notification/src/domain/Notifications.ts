import {
  describeError,
  NoaError,
  Repeater,
  uuidv7,
  type Clock,
  type Lifecycle,
  type Logger,
  type Metrics,
  type Random,
  type Stoppable,
} from '@noa/core';
import type { HandlerContext, QueueManager } from '@noa/message-queue';
import { MessageState, type Message, type MessageEvent, type MessageStore } from '../store/MessageStore.ts';
import type { TemplateStore } from '../store/TemplateStore.ts';
import type { MailSender } from '../smtp/MailSender.ts';
import { fallbackChain, type TemplateData, type TemplateRenderer } from './TemplateRenderer.ts';

export interface NotificationsOptions {
  readonly messages: MessageStore;
  readonly templates: TemplateStore;
  readonly renderer: TemplateRenderer;
  readonly sender: MailSender;
  readonly queue: QueueManager;
  readonly attemptsMax: number;
  /** Messages that are over are forgotten after so many days. */
  readonly retentionDays: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface NotificationRequest {
  /** One delivery per key and recipient, however often it is asked for. */
  readonly key: string;
  readonly to: string;
  readonly locale: string;
  readonly data: TemplateData;
  /** A template's name, or the words themselves. */
  readonly content: { readonly template: string } | { readonly subject: string; readonly text: string };
}

export const NOTIFICATION_QUEUE = 'notifications';
const CONCURRENCY = 3;
const BACKOFF = { baseMs: 1_000, capMs: 60_000 };
const JANITOR_MS = 10_000;
const BATCH_MAX = 200;

/**
 * Accepts notifications and delivers each once per key.
 *
 * Accept: render → message row (unique by key, channel and recipient) → entry in the queue under the message's id. The
 * row is the truth, also about the number of tries; the entry only wakes a worker, and the janitor makes another when a
 * crash came in between or the queue has given up on it.
 */
export class Notifications implements Lifecycle {
  readonly #options: NotificationsOptions;
  readonly #janitor: Repeater;
  #worker: Stoppable | undefined;

  constructor(options: NotificationsOptions) {
    this.#options = options;
    this.#janitor = new Repeater({
      clock: options.clock,
      intervalMs: JANITOR_MS,
      run: () => this.sweep(),
      onError: (error) => options.logger.warn({ reason: describeError(error) }, 'waiting notifications could not be looked at'),
    });
  }

  async start(): Promise<void> {
    const { queue, attemptsMax } = this.#options;
    await queue.declare({ name: NOTIFICATION_QUEUE, attemptsMax, backoff: BACKOFF });
    this.#worker = await queue.work<{ messageId: string }>(NOTIFICATION_QUEUE, (message, context) => this.deliver(message.data.messageId, context), {
      concurrency: CONCURRENCY,
    });
    this.#janitor.start({ delayFirst: true });
  }

  /** Resolves when no mail is being sent any more. */
  async stop(): Promise<void> {
    await this.#janitor.stop();
    await this.#worker?.stop();
  }

  /** @throws NoaError `TEMPLATE_NOT_FOUND` (404), `TEMPLATE_INVALID` (400). */
  async submit(request: NotificationRequest): Promise<Message> {
    const { messages, clock, random } = this.#options;
    const rendered = await this.#render(request);
    const id = uuidv7(clock, random);
    const message = await messages.add({ id, key: request.key, channel: 'email', recipient: request.to.toLowerCase(), ...rendered });
    // Also for one that waits already: if the queue knows its entry, this does nothing.
    if (message.state === MessageState.Queued) await this.#enqueue(message.id, 0);
    return message;
  }

  /** @throws NoaError `NOTIFICATION_NOT_FOUND`. */
  async find(id: string): Promise<{ message: Message; events: MessageEvent[] }> {
    const found = await this.#options.messages.find(id);
    if (found === undefined) throw new NoaError('NOTIFICATION_NOT_FOUND', { message: 'There is no such notification', httpStatus: 404 });
    return found;
  }

  /** One try of one message; throwing asks the queue for another. */
  async deliver(id: string, context: Pick<HandlerContext, 'logger'>): Promise<void> {
    const { messages, sender, metrics, attemptsMax } = this.#options;
    const message = await messages.claim(id);
    if (message === 'over') return;
    if (message === 'busy') throw new NoaError('CONFLICT', { message: 'Another worker is sending this message', retryable: true, httpStatus: 409 });
    const outcome = await sender.send(message);
    metrics
      .counter('notification_deliveries_total', 'Tries to deliver, by outcome', ['channel', 'outcome'])
      .add({ channel: 'email', outcome: outcome.kind });
    if (outcome.kind === 'sent') return messages.settle(id, MessageState.Sent);
    context.logger.warn({ notification: id, outcome: outcome.kind, reason: outcome.reason }, 'a mail was not delivered');
    if (outcome.kind === 'uncertain') return messages.settle(id, MessageState.Uncertain, outcome.reason);
    if (outcome.kind === 'refused' || message.attempts >= attemptsMax) return messages.settle(id, MessageState.Failed, outcome.reason);
    await messages.settle(id, MessageState.Queued, outcome.reason);
    throw new NoaError('SERVICE_UNAVAILABLE', { message: 'The mail server could not take the mail', retryable: true, httpStatus: 503 });
  }

  /** Wakes workers for messages that nobody works on, ends tries whose sender died, forgets what is old. */
  async sweep(): Promise<void> {
    const { messages, retentionDays } = this.#options;
    await messages.purge(retentionDays, BATCH_MAX);
    await messages.expire(BATCH_MAX);
    for (const { id, wake } of await messages.wakeWaiting(BATCH_MAX)) await this.#enqueue(id, wake);
  }

  /** @param wake - part of the entry's id: the queue takes an id once, and remembers those that it has given up. */
  async #enqueue(messageId: string, wake: number): Promise<void> {
    await this.#options.queue.send(
      NOTIFICATION_QUEUE,
      { messageId },
      { id: `notification:${messageId}:${wake}`, source: 'noa/notification', subject: messageId },
    );
  }

  async #render(request: NotificationRequest): Promise<{ subject: string; text: string; html?: string }> {
    const { templates, renderer } = this.#options;
    const { content, locale, data } = request;
    if (!('template' in content)) return { subject: content.subject, text: content.text };
    const template = await templates.find(content.template, fallbackChain(locale));
    if (template === undefined) throw templateNotFound();
    const { subject, text, html } = template;
    return renderer.render({ subject, text, ...(html === undefined ? {} : { html }) }, data);
  }
}

export function templateNotFound(): NoaError {
  return new NoaError('TEMPLATE_NOT_FOUND', { message: 'There is no such template', httpStatus: 404 });
}
