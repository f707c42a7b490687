import { Type } from 'typebox';
import type { ConfigFields, ConfigOf } from '@noa/core';
import { EmailSchema } from '@noa/contracts';

const seconds = (minimum: number, maximum: number) => Type.Integer({ minimum, maximum });

/** Settings of the auth service, on top of the shared ones. */
export const authFields = {
  accessTokenSeconds: {
    path: 'auth.accessTokenSeconds',
    env: ['NOA_AUTH_ACCESS_TOKEN_SECONDS'],
    schema: seconds(30, 3_600),
    default: 900,
    about: 'Life of an access token; a revoked session can be used this long.',
  },
  refreshTokenSeconds: {
    path: 'auth.refreshTokenSeconds',
    env: ['NOA_AUTH_REFRESH_TOKEN_SECONDS'],
    schema: seconds(60, 7_776_000),
    default: 604_800,
    about: 'Life of a refresh token; each use starts it anew.',
  },
  refreshGraceSeconds: {
    path: 'auth.refreshGraceSeconds',
    env: ['NOA_AUTH_REFRESH_GRACE_SECONDS'],
    schema: seconds(0, 60),
    default: 10,
    about: 'How long a used refresh token gives the same answer again, for requests that raced or were repeated.',
  },
  passwordMemoryKiB: {
    path: 'auth.password.memoryKiB',
    env: ['NOA_AUTH_PASSWORD_MEMORY_KIB'],
    schema: Type.Integer({ minimum: 1_024, maximum: 1_048_576 }),
    default: 19_456,
    about: 'Memory of one argon2id hash. Old hashes are upgraded at login.',
  },
  passwordPasses: {
    path: 'auth.password.passes',
    env: ['NOA_AUTH_PASSWORD_PASSES'],
    schema: Type.Integer({ minimum: 1, maximum: 20 }),
    default: 2,
    about: 'Passes of one argon2id hash.',
  },
  passwordSlots: {
    path: 'auth.password.slots',
    env: ['NOA_AUTH_PASSWORD_SLOTS'],
    schema: Type.Integer({ minimum: 1, maximum: 64 }),
    default: 2,
    about: 'Hashes computed at once by one process.',
  },
  passwordWaitersMax: {
    path: 'auth.password.waitersMax',
    env: ['NOA_AUTH_PASSWORD_WAITERS_MAX'],
    schema: Type.Integer({ minimum: 0, maximum: 10_000 }),
    default: 200,
    about: 'Logins and registrations that may wait for a hash; the next is answered 503.',
  },
  lockoutFailures: {
    path: 'auth.lockout.failures',
    env: ['NOA_AUTH_LOCKOUT_FAILURES'],
    schema: Type.Integer({ minimum: 3, maximum: 1_000 }),
    default: 10,
    about: 'Failed logins of one account from one network, within the window, that lock it for that network.',
  },
  lockoutSeconds: {
    path: 'auth.lockout.seconds',
    env: ['NOA_AUTH_LOCKOUT_SECONDS'],
    schema: seconds(1, 86_400),
    default: 900,
    about: 'The window of counted failures, and the length of the lock.',
  },
  keyRotationDays: {
    path: 'auth.keys.rotationDays',
    env: ['NOA_AUTH_KEY_ROTATION_DAYS'],
    schema: Type.Integer({ minimum: 1, maximum: 365 }),
    default: 30,
    about: 'Age at which a signing key is replaced.',
  },
  keyLeadSeconds: {
    path: 'auth.keys.leadSeconds',
    env: ['NOA_AUTH_KEY_LEAD_SECONDS'],
    schema: seconds(1, 86_400),
    default: 180,
    about: 'How long a key is published before it signs; at least twice the time that verifiers keep the key set (60 s).',
  },
  adminEmail: {
    path: 'auth.admin.email',
    env: ['NOA_AUTH_ADMIN_EMAIL'],
    schema: EmailSchema,
    optional: true,
    about: 'Account that is made an administrator at start, with the password below.',
  },
  adminPassword: {
    path: 'auth.admin.password',
    env: ['NOA_AUTH_ADMIN_PASSWORD'],
    schema: Type.String({ minLength: 8, maxLength: 256, description: '8 to 256 characters' }),
    optional: true,
    secret: true,
    about: 'Password of that account; set again at every start.',
  },
  clients: {
    path: 'auth.clients',
    env: ['NOA_AUTH_CLIENTS'],
    schema: Type.String({ minLength: 2, maxLength: 262_144 }),
    optional: true,
    secret: true,
    about: 'OAuth clients as a JSON array of {id, name, type, secret?, redirectURIs?, postLogoutRedirectURIs?, grants?, roles?}.',
  },
  trustedProxies: {
    path: 'auth.trustedProxies',
    env: ['NOA_AUTH_TRUSTED_PROXIES'],
    schema: Type.Array(Type.String({ pattern: '^[0-9a-fA-F.:]+(/[0-9]{1,3})?$' }), { maxItems: 64 }),
    default: ['127.0.0.0/8', '::1/128'] as string[],
    about: 'Networks whose X-Forwarded-For is believed: those of the gateway.',
  },
} as const satisfies ConfigFields;

export type AuthConfig = ConfigOf<typeof authFields>;
