export { notificationFields, type NotificationConfig } from './config.ts';
export { NOTIFICATION_ERRORS } from './errors.ts';
export { notificationService } from './main.ts';
