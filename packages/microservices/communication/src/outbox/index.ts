export { appendToOutbox, OUTBOX_EVENT_BYTES_MAX, OUTBOX_EVENTS_MAX } from './appendToOutbox.ts';
export { OUTBOX_ERRORS } from './errors.ts';
export { Inbox } from './Inbox.ts';
export { OutboxRelay, type OutboxRelayOptions } from './OutboxRelay.ts';
export { INBOX_SQL, OUTBOX_CHANNEL, OUTBOX_SQL } from './schema.ts';
