import { Type } from 'typebox';
import type { ConfigOf } from '@noa/core';

/** Settings of the notification service. */
export const notificationFields = {
  smtpURL: {
    path: 'notification.smtpURL',
    env: ['NOA_SMTP_URL'],
    schema: Type.String({ pattern: '^(smtps?://|sink:)', description: 'smtp://…, smtps://… or sink:' }),
    default: 'sink:',
    secret: true,
    about: 'Mail server; `sink:` keeps mail on this machine, readable by a route.',
  },
  sinkPort: {
    path: 'notification.sinkPort',
    env: ['NOA_SINK_PORT'],
    schema: Type.Integer({ minimum: 0, maximum: 65_535 }),
    default: 0,
    about: 'SMTP port of the sink on loopback; 0 takes a free one.',
  },
  sender: {
    path: 'notification.sender',
    env: ['NOA_MAIL_FROM', 'SMTP_FROM'],
    schema: Type.String({ pattern: '^[^\\r\\n\\u0000]{3,320}$' }),
    default: 'Noa <no-reply@noa.localhost>',
    about: 'From address of mails.',
  },
  attemptsMax: {
    path: 'notification.attemptsMax',
    env: ['NOA_MAIL_ATTEMPTS'],
    schema: Type.Integer({ minimum: 1, maximum: 50 }),
    default: 8,
    about: 'Tries per mail before it counts as failed.',
  },
  retentionDays: {
    path: 'notification.retentionDays',
    env: ['NOA_NOTIFICATION_RETENTION_DAYS'],
    schema: Type.Integer({ minimum: 1, maximum: 3_650 }),
    default: 90,
    about: 'Days that a message is kept once it is over, counted from its acceptance; for so long its key is known.',
  },
} as const;

export type NotificationConfig = ConfigOf<typeof notificationFields>;
