import { Type, type Static } from 'typebox';
import { RoleSchema } from './roles.ts';

export const UserIdSchema = Type.String({ pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' });
/** One `@`, no spaces or controls, at most 254 characters (RFC 5321). Compared in lower case. */
export const EmailSchema = Type.String({ pattern: '^[^\\s@\\u0000-\\u001f<>"]{1,64}@[^\\s@\\u0000-\\u001f<>"]{1,189}$', maxLength: 254 });
/** No control characters, not blank. */
export const DisplayNameSchema = Type.String({
  minLength: 1,
  maxLength: 200,
  pattern: '^[^\\u0000-\\u001f\\u007f]*[^\\s\\u0000-\\u001f\\u007f][^\\u0000-\\u001f\\u007f]*$',
});
/** BCP 47, the common shapes. */
export const LocaleSchema = Type.String({ pattern: '^[a-zA-Z]{2,8}(-[a-zA-Z0-9]{1,8}){0,4}$' });

/** Free profile data of a user; strings, numbers, booleans, at most 50 fields. */
export const ProfileSchema = Type.Record(
  Type.String({ pattern: '^[a-zA-Z][a-zA-Z0-9_]{0,63}$' }),
  Type.Union([Type.String({ maxLength: 2_000, pattern: '^[^\\u0000]*$' }), Type.Number(), Type.Boolean(), Type.Null()]),
  { maxProperties: 50, additionalProperties: false },
);

export const UserSchema = Type.Object({
  id: UserIdSchema,
  email: EmailSchema,
  displayName: DisplayNameSchema,
  locale: LocaleSchema,
  roles: Type.Array(RoleSchema),
  profile: ProfileSchema,
  /** Rises by one with each change; the ETag is `"<version>"`. */
  version: Type.Integer({ minimum: 1 }),
  createdAt: Type.String({ format: 'date-time' }),
  updatedAt: Type.String({ format: 'date-time' }),
});
export type User = Static<typeof UserSchema>;

/** Body of POST /api/users. `id` may be chosen by the caller: the same id and e-mail again is the same user (201 → 200). */
export const CreateUserSchema = Type.Object(
  {
    id: Type.Optional(UserIdSchema),
    email: EmailSchema,
    displayName: DisplayNameSchema,
    locale: Type.Optional(LocaleSchema),
    roles: Type.Optional(Type.Array(RoleSchema, { maxItems: 16, uniqueItems: true })),
    profile: Type.Optional(ProfileSchema),
  },
  { additionalProperties: false },
);
export type CreateUser = Static<typeof CreateUserSchema>;
