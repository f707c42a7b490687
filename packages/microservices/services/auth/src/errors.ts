/** Codes of the auth service: code → when it is thrown, what to check. */
export const AUTH_ERRORS = {
  AUTH_EMAIL_TAKEN: 'An account with this e-mail exists (409); log in instead.',
  AUTH_REGISTRATION_INCOMPLETE:
    'The account is prepared, but the user service did not answer (503); send the same registration again, it goes on where it stopped.',
  AUTH_CREDENTIALS_WRONG: 'The e-mail is unknown, the password is wrong, or the account is not active (401). Which of them is not told.',
  AUTH_LOCKED: 'Too many failed logins for this account from this network (429); wait for Retry-After.',
  AUTH_REFRESH_INVALID: 'The refresh token is unknown, expired, or its session has ended (401); log in again.',
  AUTH_REFRESH_REUSED: 'A refresh token was used again after its grace period (401); its session is revoked, log in again.',
  AUTH_SESSION_NOT_FOUND: 'The caller has no such live session (404).',
  AUTH_PERSON_ONLY: 'The caller is a client or a service, which has no sessions (403).',
  AUTH_KEY_TOO_YOUNG: 'The next signing key has not been published long enough to sign (409); wait for Retry-After or force the rotation.',
  AUTH_CLIENT_NOT_FOUND: 'No OAuth client has this id (404).',
  AUTH_INTERACTION_GONE: 'The login page is too old, was used already, or belongs to another browser (400); start again from the application.',
  AUTH_ORIGIN_REFUSED: 'A form of the login pages was sent from another site (403).',
  AUTH_SEAL_BROKEN: 'A sealed value cannot be opened: NOA_ENCRYPTION_KEY differs from the one it was sealed with (500).',
} as const;
