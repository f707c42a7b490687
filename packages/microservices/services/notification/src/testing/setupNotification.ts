import { createMetrics, migrate, systemClock, systemRandom } from '@noa/core';
import { createQueueProvider, QueueManager } from '@noa/message-queue';
import { LogRecorder, type TestDatabase } from '@noa/testing';
import { Notifications } from '../domain/Notifications.ts';
import { TemplateRenderer } from '../domain/TemplateRenderer.ts';
import { MailSender } from '../smtp/MailSender.ts';
import { MessageStore } from '../store/MessageStore.ts';
import { NOTIFICATION_SCHEMA, notificationMigrations } from '../store/migrations.ts';
import { TemplateStore } from '../store/TemplateStore.ts';

/** The domain with a real queue; mail goes to `url`. */
export async function setupNotification(db: TestDatabase, options: { url: string; attemptsMax?: number }) {
  const common = { clock: systemClock, random: systemRandom, logger: new LogRecorder(), metrics: createMetrics() };
  await migrate(db.database, NOTIFICATION_SCHEMA, notificationMigrations);
  const provider = await createQueueProvider(db.url, common);
  const queue = new QueueManager({ provider, ...common });
  await queue.start();
  const messages = new MessageStore(db.database);
  const sender = new MailSender({ url: options.url, sender: 'Noa <no-reply@noa.localhost>', clock: systemClock });
  const templates = new TemplateStore(db.database);
  const renderer = new TemplateRenderer();
  const notifications = new Notifications({
    messages,
    templates,
    renderer,
    sender,
    queue,
    attemptsMax: options.attemptsMax ?? 8,
    retentionDays: 90,
    ...common,
  });
  return {
    notifications,
    messages,
    templates,
    renderer,
    queue,
    logger: common.logger,
    stop: async () => {
      await notifications.stop();
      await sender.stop();
      await queue.stop();
    },
  };
}
