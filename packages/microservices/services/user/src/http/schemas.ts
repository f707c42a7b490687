import { Type } from 'typebox';
import { CreateUserSchema, DisplayNameSchema, EmailSchema, LocaleSchema, ProfileSchema, RoleSchema, type User } from '@noa/contracts';

/** A profile as it may be sent: a field whose name is not allowed is refused, not passed by. */
const StrictProfileSchema = Type.Unsafe<User['profile']>({ ...ProfileSchema, additionalProperties: false });

/** Body of POST. */
export const NewUserSchema = Type.Object(
  { ...CreateUserSchema.properties, profile: Type.Optional(StrictProfileSchema) },
  { additionalProperties: false },
);

/** Body of PATCH: a merge patch. */
export const UserPatchSchema = Type.Object(
  {
    email: Type.Optional(EmailSchema),
    displayName: Type.Optional(DisplayNameSchema),
    locale: Type.Optional(LocaleSchema),
    roles: Type.Optional(Type.Array(RoleSchema, { maxItems: 16, uniqueItems: true })),
    profile: Type.Optional(StrictProfileSchema),
  },
  { additionalProperties: false, minProperties: 1 },
);
