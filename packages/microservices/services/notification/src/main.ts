import { defineService, runService } from '@noa/communication';
import { createNotification } from './app.ts';
import { notificationFields } from './config.ts';
import { notificationRoutes } from './http/gatewayRoutes.ts';

/** Templates, and mail delivered through the queue. */
export const notificationService = defineService({
  name: 'notification',
  version: '0.1.0',
  portDefault: 3006,
  about: 'Templates, and e-mail delivered through the queue.',
  config: notificationFields,
  routes: notificationRoutes,
  create: createNotification,
});

if (import.meta.main) await runService(notificationService);
