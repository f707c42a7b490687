import type { Migration } from '@noa/core';

/** Schema in the control database. */
export const NOTIFICATION_SCHEMA = 'notification';

export const notificationMigrations: readonly Migration[] = [
  {
    version: 1,
    name: 'templates, messages, sink',
    sql: `
      CREATE TABLE templates (
        name text NOT NULL,
        locale text NOT NULL,
        version int NOT NULL,
        subject text NOT NULL,
        text_body text NOT NULL,
        html_body text,
        created_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (name, locale, version));
      CREATE TABLE messages (
        id uuid PRIMARY KEY,
        key text NOT NULL,
        channel text NOT NULL,
        recipient text NOT NULL,
        subject text NOT NULL,
        text_body text NOT NULL,
        html_body text,
        state text NOT NULL DEFAULT 'queued',
        attempts int NOT NULL DEFAULT 0,
        lease_until timestamptz,
        created_at timestamptz NOT NULL DEFAULT now(),
        UNIQUE (key, channel, recipient));
      CREATE INDEX messages_open ON messages (created_at) WHERE state IN ('queued', 'sending');
      CREATE TABLE message_events (
        message_id uuid NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
        seq bigint GENERATED ALWAYS AS IDENTITY,
        state text NOT NULL,
        detail text,
        at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (message_id, seq));
      CREATE TABLE sink_messages (
        seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        message_id text,
        sender text NOT NULL,
        recipients text[] NOT NULL,
        subject text NOT NULL,
        text_body text NOT NULL,
        html_body text,
        received_at timestamptz NOT NULL DEFAULT now());
      CREATE INDEX sink_recipients ON sink_messages USING gin (recipients);
      INSERT INTO templates (name, locale, version, subject, text_body, html_body) VALUES
        ('welcome', 'en', 1, 'Welcome, {{ displayName }}',
         E'Hello {{ displayName }},\\n\\nyour account is ready.\\n',
         '<p>Hello {{ displayName }},</p><p>your account is ready.</p>'),
        ('welcome', 'de', 1, 'Willkommen, {{ displayName }}',
         E'Hallo {{ displayName }},\\n\\ndein Konto ist bereit.\\n',
         '<p>Hallo {{ displayName }},</p><p>dein Konto ist bereit.</p>');`,
  },
  {
    version: 2,
    name: 'wakes of messages',
    sql: `
      -- When the janitor looks at a waiting message next, and how often it has made a queue entry for it.
      ALTER TABLE messages
        ADD COLUMN wake_at timestamptz NOT NULL DEFAULT now() + interval '30 seconds',
        ADD COLUMN wakes int NOT NULL DEFAULT 0;
      CREATE INDEX messages_waiting ON messages (wake_at) WHERE state = 'queued';
      CREATE INDEX messages_held ON messages (lease_until) WHERE state = 'sending';
      DROP INDEX messages_open;`,
  },
  {
    version: 3,
    name: 'end of messages',
    sql: `CREATE INDEX messages_over ON messages (created_at) WHERE state IN ('sent', 'failed', 'uncertain');`,
  },
];
