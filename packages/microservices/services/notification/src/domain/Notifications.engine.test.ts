import { after, afterEach, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { silentLogger } from '@noa/core';
import { createTestDatabase, waitFor, type TestDatabase } from '@noa/testing';
import { MailSink } from '../smtp/MailSink.ts';
import { MessageState } from '../store/MessageStore.ts';
import { SinkStore } from '../store/SinkStore.ts';
import { setupNotification } from '../testing/setupNotification.ts';
import { SMTPDouble } from '../testing/SMTPDouble.ts';
import { NOTIFICATION_QUEUE } from './Notifications.ts';

type Setup = Awaited<ReturnType<typeof setupNotification>>;

let db: TestDatabase;
let smtp: SMTPDouble;
let url: string;
let running: Setup[] = [];
let people = 0;

before(async () => {
  db = await createTestDatabase({ name: 'notify' });
  smtp = new SMTPDouble();
  url = await smtp.start();
});
afterEach(async () => {
  for (const setup of running) await setup.stop();
  running = [];
  smtp.mode = 'accept';
  smtp.contents.length = 0;
  await db.database.query('DELETE FROM notification.messages');
});
after(async () => {
  await smtp.stop();
  await db.drop();
});

async function setUp(options: { url?: string; attemptsMax?: number; start?: boolean } = {}): Promise<Setup> {
  const setup = await setupNotification(db, { url, ...options });
  running.push(setup);
  if (options.start !== false) await setup.notifications.start();
  return setup;
}

function request(key: string) {
  people += 1;
  return { key, to: `Person-${people}@noa.example`, locale: 'en', data: {}, content: { subject: `about ${key}`, text: 'hello' } };
}

/** Waits for the end of a message and tells its states in order. */
async function ending(setup: Setup, id: string): Promise<{ states: string[]; attempts: number; detail: string | undefined }> {
  const { message, events } = await waitFor(async () => {
    const found = await setup.notifications.find(id);
    return ['sent', 'failed', 'uncertain'].includes(found.message.state) ? found : undefined;
  });
  return { states: events.map((event) => event.state), attempts: message.attempts, detail: events.at(-1)?.detail };
}

describe('one delivery per key', () => {
  it('delivers each key once to a real server, however often 8 clients ask at once', async () => {
    const store = new SinkStore(db.database);
    const first = await setupNotification(db, { url });
    running.push(first);
    const sink = new MailSink({ store, port: 0, logger: silentLogger });
    await sink.start();
    try {
      const setups = [await setUp({ url: sink.url }), await setUp({ url: sink.url })];
      const keys = Array.from({ length: 25 }, (_, index) => `once-${index}`);
      const clients = Array.from({ length: 8 }, async (_, client) => {
        const ids: string[] = [];
        for (const key of keys) {
          const words = { locale: 'en', data: { displayName: 'Ada' }, content: { template: 'welcome' } };
          const message = await setups[client % 2]!.notifications.submit({ key, to: 'Ada@noa.example', ...words });
          ids.push(message.id);
        }
        return ids;
      });
      const ids = await Promise.all(clients);
      for (const other of ids) assert.deepEqual(other, ids[0]);
      for (const id of ids[0]!) assert.deepEqual((await ending(setups[0]!, id)).states, ['queued', 'sending', 'sent']);
      await waitFor(async () => (await setups[0]!.queue.depth(NOTIFICATION_QUEUE)).active === 0);
      const mails = await store.list(100, 'ada@noa.example');
      assert.equal(mails.length, keys.length);
      assert.equal(new Set(mails.map((mail) => mail.messageId)).size, keys.length);
      assert.equal(mails[0]!.subject, 'Welcome, Ada');
      for (const setup of running) await setup.stop();
      running = [];
    } finally {
      await sink.stop();
    }
  });

  it('takes the same key for another recipient as another message', async () => {
    const setup = await setUp();
    const one = await setup.notifications.submit(request('same'));
    const other = await setup.notifications.submit(request('same'));
    assert.notEqual(one.id, other.id);
    await ending(setup, one.id);
    await ending(setup, other.id);
    assert.equal(smtp.contents.length, 2);
  });
});

describe('a mail server in trouble', () => {
  it('is asked again until it is up, and gets the mail once', async () => {
    const late = new SMTPDouble();
    const address = await late.start();
    await late.stop();
    const setup = await setUp({ url: address });
    const { id } = await setup.notifications.submit(request('down'));
    await waitFor(async () => (await setup.messages.find(id))?.events.some((event) => event.detail !== undefined));
    const again = new SMTPDouble();
    await again.start(Number(new URL(address).port));
    try {
      const { states, attempts } = await ending(setup, id);
      assert.equal(states.at(-1), 'sent');
      assert.ok(attempts >= 2);
      assert.equal(again.contents.length, 1);
      assert.match(again.contents[0]!, new RegExp(`Message-ID: <${id}@noa.localhost>`, 'i'));
    } finally {
      await again.stop();
    }
  });

  it('makes the message fail when it refuses the recipient for good, and the address is not in the timeline', async () => {
    smtp.mode = 'reject';
    const setup = await setUp();
    const { id, recipient } = await setup.notifications.submit(request('refused'));
    const { states, attempts, detail } = await ending(setup, id);
    assert.deepEqual(states, ['queued', 'sending', 'failed']);
    assert.equal(attempts, 1);
    assert.match(detail!, /550/);
    assert.ok(!detail!.includes(recipient));
  });

  it('makes the message fail after the last try', async () => {
    smtp.mode = 'defer';
    const setup = await setUp({ attemptsMax: 2 });
    const { id } = await setup.notifications.submit(request('deferred'));
    const { states } = await ending(setup, id);
    assert.deepEqual(states, ['queued', 'sending', 'queued', 'sending', 'failed']);
  });

  it('leaves the message uncertain when it hangs up after the content, and does not get it again', async () => {
    smtp.mode = 'drop';
    const setup = await setUp();
    const { id } = await setup.notifications.submit(request('dropped'));
    assert.deepEqual((await ending(setup, id)).states, ['queued', 'sending', 'uncertain']);
    smtp.mode = 'accept';
    await setup.notifications.deliver(id, { logger: silentLogger });
    await setup.notifications.sweep();
    await waitFor(async () => (await setup.queue.depth(NOTIFICATION_QUEUE)).ready === 0);
    assert.equal(smtp.contents.length, 1);
  });
});

describe('the janitor', () => {
  it('makes the entry that a crash has left out', async () => {
    const setup = await setUp();
    const lost = { ...request('lost'), id: '018f0000-0000-7000-8000-000000000001', channel: 'email' as const };
    await setup.messages.add({ ...lost, recipient: lost.to, subject: 'lost', text: 'lost' });
    await setup.notifications.sweep();
    assert.equal((await setup.messages.find(lost.id))!.message.state, MessageState.Queued, 'not before its time');
    await db.database.query("UPDATE notification.messages SET wake_at = now() - interval '1 second'");
    await setup.notifications.sweep();
    assert.equal((await ending(setup, lost.id)).states.at(-1), 'sent');
    assert.equal(smtp.contents.length, 1);
  });

  it('makes another entry when the queue has given up on the first', async () => {
    const setup = await setUp({ start: false });
    await setup.queue.declare({ name: NOTIFICATION_QUEUE, attemptsMax: 1 });
    const broken = await setup.queue.work(NOTIFICATION_QUEUE, () => Promise.reject(new Error('broken worker')));
    const { id } = await setup.notifications.submit(request('given-up'));
    await waitFor(async () => (await setup.queue.depth(NOTIFICATION_QUEUE)).dead >= 1);
    await broken.stop();
    await setup.notifications.start();
    await db.database.query("UPDATE notification.messages SET wake_at = now() - interval '1 second'");
    await setup.notifications.sweep();
    assert.equal((await ending(setup, id)).states.at(-1), 'sent');
    assert.equal(smtp.contents.length, 1);
  });

  it('calls a message uncertain whose sender died, and sends it no more', async () => {
    const setup = await setUp({ start: false });
    await setup.queue.declare({ name: NOTIFICATION_QUEUE });
    const { id } = await setup.notifications.submit(request('died'));
    assert.notEqual(typeof (await setup.messages.claim(id)), 'string');
    await assert.rejects(setup.notifications.deliver(id, { logger: silentLogger }), { code: 'CONFLICT' }, 'its holder may be alive');
    await setup.notifications.sweep();
    assert.equal((await setup.messages.find(id))!.message.state, MessageState.Sending);
    await db.database.query("UPDATE notification.messages SET lease_until = now() - interval '1 second'");
    await setup.notifications.sweep();
    assert.deepEqual((await ending(setup, id)).states, ['queued', 'sending', 'uncertain']);
    await setup.notifications.start();
    await waitFor(async () => (await setup.queue.depth(NOTIFICATION_QUEUE)).ready === 0);
    assert.equal(smtp.contents.length, 0);
  });

  it('lets the next worker see by itself that the sender died', async () => {
    const setup = await setUp({ start: false });
    await setup.queue.declare({ name: NOTIFICATION_QUEUE });
    const { id } = await setup.notifications.submit(request('died-too'));
    await setup.messages.claim(id);
    await db.database.query("UPDATE notification.messages SET lease_until = now() - interval '1 second'");
    await setup.notifications.deliver(id, { logger: silentLogger });
    assert.equal((await setup.messages.find(id))!.message.state, MessageState.Uncertain);
  });
});

describe('what cannot be sent', () => {
  it('is refused before it is kept: an unknown template, a broken one', async () => {
    const setup = await setUp({ start: false });
    const words = request('unknown');
    await assert.rejects(setup.notifications.submit({ ...words, content: { template: 'nothing' } }), { code: 'TEMPLATE_NOT_FOUND', httpStatus: 404 });
    await setup.templates.add({ name: 'broken', locale: 'en', subject: 'x', text: '{% include "x" %}' });
    await assert.rejects(setup.notifications.submit({ ...words, content: { template: 'broken' } }), { code: 'TEMPLATE_INVALID', httpStatus: 400 });
    const { rows } = await db.database.query('SELECT id FROM notification.messages');
    assert.deepEqual(rows, []);
  });

  it('is not found under an unknown id', async () => {
    const setup = await setUp({ start: false });
    const missing = setup.notifications.find('018f0000-0000-7000-8000-0000000000ff');
    await assert.rejects(missing, { code: 'NOTIFICATION_NOT_FOUND', httpStatus: 404 });
    await setup.notifications.deliver('018f0000-0000-7000-8000-0000000000ff', { logger: silentLogger });
    assert.equal(smtp.contents.length, 0);
  });
});
