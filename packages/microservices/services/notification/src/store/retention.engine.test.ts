import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { migrate } from '@noa/core';
import { createTestDatabase, type TestDatabase } from '@noa/testing';
import { MessageState, MessageStore } from './MessageStore.ts';
import { NOTIFICATION_SCHEMA, notificationMigrations } from './migrations.ts';

let db: TestDatabase;
let messages: MessageStore;
let count = 0;

before(async () => {
  db = await createTestDatabase({ name: 'retention' });
  await migrate(db.database, NOTIFICATION_SCHEMA, notificationMigrations);
  messages = new MessageStore(db.database);
});
after(() => db.drop());

/** A message in `state` that was accepted `days` ago. */
async function messageOf(state: MessageState, days: number): Promise<string> {
  count += 1;
  const id = `018f0000-0000-7000-8000-${String(count).padStart(12, '0')}`;
  await messages.add({ id, key: `key-${count}`, channel: 'email', recipient: 'ada@noa.example', subject: 's', text: 't' });
  await db.database.query('UPDATE notification.messages SET state = $2, created_at = now() - make_interval(days => $3) WHERE id = $1', [
    id,
    state,
    days,
  ]);
  return id;
}

describe('retention', () => {
  it('forgets what is over and old, with its timeline, and nothing that may still be sent', async () => {
    const { Queued, Sending, Sent, Failed, Uncertain } = MessageState;
    const old = await Promise.all([Sent, Failed, Uncertain].map((state) => messageOf(state, 91)));
    const kept = [await messageOf(Queued, 400), await messageOf(Sending, 400), await messageOf(Sent, 89)];
    assert.equal(await messages.purge(90, 2), 2, 'within the limit');
    assert.equal(await messages.purge(90, 2), 1);
    assert.equal(await messages.purge(90, 2), 0);
    for (const id of old) assert.equal(await messages.find(id), undefined);
    for (const id of kept) assert.notEqual(await messages.find(id), undefined);
    const { rows } = await db.database.query('SELECT 1 FROM notification.message_events WHERE message_id = ANY ($1)', [old]);
    assert.deepEqual(rows, []);
  });
});
