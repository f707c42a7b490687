export { OUTBOX_ERRORS } from './errors.ts';
export { Inbox, INBOX_PURGE_MAX, INBOX_SQL, type InboxOptions } from './Inbox.ts';
export { OutboxRelay, type OutboxRelayOptions } from './OutboxRelay.ts';
export { appendToOutbox, OUTBOX_CHANNEL, OUTBOX_EVENT_BYTES_MAX, OUTBOX_EVENTS_MAX, OUTBOX_SQL } from './outboxTable.ts';
