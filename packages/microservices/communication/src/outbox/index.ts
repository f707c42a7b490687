export { appendToOutbox } from './appendToOutbox.ts';
export { Inbox } from './Inbox.ts';
export { OutboxRelay, type OutboxRelayOptions } from './OutboxRelay.ts';
export { INBOX_SQL, OUTBOX_CHANNEL, OUTBOX_SQL } from './schema.ts';
