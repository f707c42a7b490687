/** Codes of the outbox. */
export const OUTBOX_ERRORS = {
  OUTBOX_EVENT_INVALID: 'More events at a time, or a larger one, than the outbox takes; store the content and name its key in the event.',
  OUTBOX_PUBLISH_TIMEOUT: 'The queue took too long to acknowledge events of the outbox; they are published again. Look at the queue’s engine.',
} as const;
