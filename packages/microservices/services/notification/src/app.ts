import type { ServiceHost } from '@noa/communication';
import { EventType, UserRegisteredSchema, type UserRegistered } from '@noa/contracts';
import { migrate } from '@noa/core';
import { rejectJob } from '@noa/message-queue';
import { Compile } from 'typebox/compile';
import type { NotificationConfig } from './config.ts';
import { Notifications } from './domain/Notifications.ts';
import { TemplateRenderer } from './domain/TemplateRenderer.ts';
import { addNotificationRoutes } from './http/routes.ts';
import { MailSender } from './smtp/MailSender.ts';
import { MailSink } from './smtp/MailSink.ts';
import { MessageStore } from './store/MessageStore.ts';
import { NOTIFICATION_SCHEMA, notificationMigrations } from './store/migrations.ts';
import { SinkStore } from './store/SinkStore.ts';
import { TemplateStore } from './store/TemplateStore.ts';

/** Wires the notification service. */
export async function createNotification(host: ServiceHost<NotificationConfig>): Promise<void> {
  const { config, control, clock, random, logger, metrics, stops } = host;
  await migrate(control, NOTIFICATION_SCHEMA, notificationMigrations);
  const isSink = config.smtpURL === 'sink:';
  const sink = isSink ? new SinkStore(control) : undefined;
  const smtpURL = sink === undefined ? config.smtpURL : await startSink(host, sink);
  const sender = stops.use(new MailSender({ url: smtpURL, sender: config.sender, clock }));
  const templates = new TemplateStore(control);
  const renderer = new TemplateRenderer();
  const queue = await host.queue();
  const notifications = new Notifications({
    messages: new MessageStore(control),
    templates,
    renderer,
    sender,
    queue,
    attemptsMax: config.attemptsMax,
    retentionDays: config.retentionDays,
    clock,
    random,
    logger,
    metrics,
  });
  await stops.use(notifications).start();
  const registered = Compile(UserRegisteredSchema);
  const subscription = await queue.subscribe<UserRegistered>({
    subscriber: 'notification',
    topics: [EventType.UserRegistered],
    handler: async ({ data }) => {
      if (!registered.Check(data)) rejectJob('user.registered is not of its schema');
      const { userId, email: to, displayName, locale } = data;
      await notifications.submit({ key: `welcome:${userId}`, to, locale, data: { displayName }, content: { template: 'welcome' } });
    },
  });
  stops.use(subscription);
  addNotificationRoutes(host.app, { notifications, templates, renderer, sink, callers: host.callers });
}

async function startSink(host: ServiceHost<NotificationConfig>, store: SinkStore): Promise<string> {
  const sink = new MailSink({ store, port: host.config.sinkPort, logger: host.logger });
  await host.stops.use(sink).start();
  return sink.url;
}
