/** Codes of the user service. */
export const USER_ERRORS = {
  USER_NOT_FOUND: 'No such user, or a deleted one (404).',
  USER_EMAIL_TAKEN: 'Another user has this e-mail address (409).',
  USER_ID_TAKEN: 'A user with this id exists and has another e-mail address (409).',
  USER_VERSION_MISMATCH: 'The user has changed since the version in If-Match; read it again (412).',
  USER_RESTORE_EXPIRED: 'The user is not deleted, or was deleted longer ago than the restore window (409).',
  USER_PROFILE_TOO_LARGE: 'After the change the profile would have more fields than it may have (400).',
  CURSOR_INVALID: 'The cursor was not issued by this list or has been altered (400).',
} as const;
