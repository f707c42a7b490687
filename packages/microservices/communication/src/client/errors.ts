/** Codes of calls between services. */
export const CLIENT_ERRORS = {
  SERVICE_UNAVAILABLE: 'No instance of the service could be reached; check ./noa status and the registry.',
  SERVICE_ANSWER_INVALID:
    'The answer of a service was not what its contract says: not JSON, not of its schema, too large, or an error without a problem body.',
} as const;
