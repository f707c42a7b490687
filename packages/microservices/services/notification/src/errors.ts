/** Codes of the notification service. */
export const NOTIFICATION_ERRORS = {
  TEMPLATE_NOT_FOUND: 'No template of this name exists in the asked locale or a fallback of it (404).',
  TEMPLATE_INVALID: 'The template does not parse, or rendering it exceeds its limits (400).',
  NOTIFICATION_NOT_FOUND: 'No such notification (404).',
  SINK_NOT_PRESENT: 'Mail goes to a real server; there is no sink to read (404).',
} as const;
