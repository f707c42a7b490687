/** Codes of the platform: `noa up` and its companions. */
export const PLATFORM_ERRORS = {
  ALREADY_RUNNING: 'Another supervisor runs on this data folder; stop it with ./noa down or choose another folder.',
  NOT_RUNNING: 'Nothing runs on this data folder; start it with ./noa up.',
  PORT_TAKEN: 'A port that the system needs is in use; stop its holder or choose other ports with --port-base.',
  PROGRAM_START_FAILED: "A service's process ended before it was ready; its last words and its log say why.",
  NOT_HEALTHY: 'All processes run but a request from outside would not work yet; the message names what is missing.',
  SHARDS_FIXED: 'The number of shards of a data folder is fixed at its first start.',
  DEMO_FAILED: 'A step of ./noa demo found something that is not so; the message says what.',
} as const;
