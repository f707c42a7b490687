/** Codes of the outbox and inbox. */
export const OUTBOX_ERRORS = {
  OUTBOX_EVENT_INVALID: 'An event for the outbox has no id or is larger than the queue carries; store the content and name its key.',
  OUTBOX_SCHEMA_INVALID: 'The schema of an outbox or inbox is not a plain lower-case SQL name; it is set in code, not by callers.',
  OUTBOX_PUBLISH_TIMEOUT: 'The queue took too long to acknowledge a batch of the outbox; it is published again. Look at the queue’s engine.',
} as const;
