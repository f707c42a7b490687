import { Type } from 'typebox';
import { DisplayNameSchema, EmailSchema, LocaleSchema, ProfileSchema, RoleSchema } from '@noa/contracts';

/** Body of PATCH: a merge patch. */
export const UserPatchSchema = Type.Object(
  {
    email: Type.Optional(EmailSchema),
    displayName: Type.Optional(DisplayNameSchema),
    locale: Type.Optional(LocaleSchema),
    roles: Type.Optional(Type.Array(RoleSchema, { maxItems: 16, uniqueItems: true })),
    profile: Type.Optional(ProfileSchema),
  },
  { additionalProperties: false, minProperties: 1 },
);
