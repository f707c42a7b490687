import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { migrate, systemClock } from '@noa/core';
import { createTestDatabase, LogRecorder, type TestDatabase } from '@noa/testing';
import { NOTIFICATION_SCHEMA, notificationMigrations } from '../store/migrations.ts';
import { SINK_MESSAGES_MAX, SinkStore } from '../store/SinkStore.ts';
import { MailSender } from './MailSender.ts';
import { MailSink } from './MailSink.ts';

let db: TestDatabase;
let store: SinkStore;
let sink: MailSink;
let sender: MailSender;
const logger = new LogRecorder();

before(async () => {
  db = await createTestDatabase({ name: 'sink' });
  await migrate(db.database, NOTIFICATION_SCHEMA, notificationMigrations);
  store = new SinkStore(db.database);
  sink = new MailSink({ store, port: 0, logger });
  await sink.start();
  sender = new MailSender({ url: sink.url, sender: 'Noa <no-reply@noa.localhost>', clock: systemClock });
});
after(async () => {
  await sender.stop();
  await sink.stop();
  await db.drop();
});

const mail = (id: string, text = 'hello') => ({ id, recipient: 'Ada@noa.example', subject: `Grüße ${id}`, text });
const count = async (): Promise<number> =>
  (await db.database.query<{ count: number }>('SELECT count(*)::int AS count FROM notification.sink_messages')).rows[0]!.count;

describe('MailSink', () => {
  it('keeps what it acknowledges, readable by the address in lower case', async () => {
    assert.deepEqual(await sender.send({ ...mail('one'), html: '<p>hello</p>' }), { kind: 'sent' });
    const [kept] = await store.list(10, 'ada@noa.example');
    assert.deepEqual(
      [kept!.messageId, kept!.subject, kept!.recipients, kept!.text.trim(), kept!.html],
      ['<one@noa.localhost>', 'Grüße one', ['ada@noa.example'], 'hello', '<p>hello</p>'],
    );
    assert.deepEqual(await store.list(10, 'eve@noa.example'), []);
  });

  it('keeps the newest thousand', async () => {
    await db.database.query(
      `INSERT INTO notification.sink_messages (sender, recipients, subject, text_body)
       SELECT 's', ARRAY['many@noa.example'], 'old ' || n, 't' FROM generate_series(1, $1::int) AS n`,
      [SINK_MESSAGES_MAX + 5],
    );
    await sender.send(mail('newest'));
    assert.equal(await count(), SINK_MESSAGES_MAX);
    const [first, second] = await store.list(2);
    assert.deepEqual([first!.subject, second!.subject], ['Grüße newest', `old ${SINK_MESSAGES_MAX + 5}`]);
  });

  it('refuses a mail that is too large for good and goes on', async () => {
    const before = await store.list(1);
    const outcome = await sender.send(mail('large', `${'x'.repeat(70)}\n`.repeat(80_000)));
    assert.equal(outcome.kind, 'refused');
    assert.deepEqual(await store.list(1), before);
    assert.equal((await sender.send(mail('after'))).kind, 'sent');
  });

  it('asks for another try when the mail cannot be kept', async () => {
    await db.database.script('ALTER TABLE notification.sink_messages RENAME TO sink_away');
    assert.equal((await sender.send(mail('away'))).kind, 'later');
    await db.database.script('ALTER TABLE notification.sink_away RENAME TO sink_messages');
    assert.ok(logger.entries.some((entry) => entry.message.includes('could not be kept')));
    assert.equal((await sender.send(mail('back'))).kind, 'sent');
  });

  it('stops before it was started, and fails to start on a port that is taken', async () => {
    await new MailSink({ store, port: 0, logger }).stop();
    const other = new MailSink({ store, port: Number(new URL(sink.url).port), logger });
    await assert.rejects(other.start(), { code: 'EADDRINUSE' });
  });
});
