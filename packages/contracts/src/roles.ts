import { Type, type Static } from 'typebox';

/** Who may do what, coarsely. `service` is for calls between our own services and is never given to a person. */
export const ROLES = ['admin', 'developer', 'readonly', 'operator', 'ml-engineer', 'ci-bot', 'guest', 'service'] as const;
export type Role = (typeof ROLES)[number];
export const RoleSchema = Type.Unsafe<Role>(Type.Union(ROLES.map((role) => Type.Literal(role))));

/** What a new account may do. */
export const DEFAULT_ROLES: readonly Role[] = ['developer'];

/** Claims of an access token (RFC 9068 profile), after verification. */
export const AccessClaimsSchema = Type.Object({
  /** User id (UUID), `service:<name>`, or an OAuth client id. */
  sub: Type.String(),
  iss: Type.String(),
  aud: Type.Union([Type.String(), Type.Array(Type.String())]),
  /** Seconds since 1970. */
  exp: Type.Number(),
  iat: Type.Number(),
  jti: Type.String(),
  /** Session id; absent for services and clients. */
  sid: Type.Optional(Type.String()),
  client_id: Type.Optional(Type.String()),
  email: Type.Optional(Type.String()),
  scope: Type.Optional(Type.String()),
  roles: Type.Optional(Type.Array(RoleSchema)),
});
export type AccessClaims = Static<typeof AccessClaimsSchema>;

/** `aud` of tokens that people and clients present to the public API. */
export const API_AUDIENCE = 'noa-api';
/** `aud` of tokens that services present to each other. */
export const INTERNAL_AUDIENCE = 'noa-internal';
