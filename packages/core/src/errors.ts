/** Codes that `@noa/core` throws: code → when it is thrown, what to check. docs/errors.md is generated from these tables. */
export const CORE_ERRORS = {
  INTERNAL: 'An unexpected failure; the log line with the same trace id holds the cause.',
  CONFIG_INVALID: 'A configuration value is missing or wrong; the message names its path, value, expectation and variable.',
  DEADLINE_EXCEEDED: "The call's time ran out before an answer; raise the deadline or look for the slow hop in the trace.",
  ABORTED: 'The caller went away or the process is stopping.',
  DATABASE_UNAVAILABLE: 'PostgreSQL could not be reached or its pool is exhausted; check the URL, the server and the pool size.',
  DATABASE_MIGRATION_FAILED: 'A schema migration failed or an applied one differs from the code; the details name it.',
  OVERLOADED: 'A bounded line of waiting work is full; the caller should come back after a pause.',
  NOT_FOUND: 'The addressed thing does not exist or may not be seen by the caller.',
  CONFLICT: 'The request contradicts the current state, for example a unique value already taken.',
  VALIDATION_FAILED: 'The request does not match its schema; `errors` lists the fields.',
} as const;
