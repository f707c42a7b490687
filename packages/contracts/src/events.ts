import { Type, type Static } from 'typebox';
import { DisplayNameSchema, EmailSchema, LocaleSchema, UserIdSchema } from './users.ts';

/** Event type names, as CloudEvents `type`. */
export const EventType = {
  UserRegistered: 'user.registered',
  UserUpdated: 'user.updated',
  UserDeleted: 'user.deleted',
  UserRestored: 'user.restored',
  SessionFamilyRevoked: 'auth.session.family_revoked',
} as const;

export const UserRegisteredSchema = Type.Object({ userId: UserIdSchema, email: EmailSchema, displayName: DisplayNameSchema, locale: LocaleSchema });
export type UserRegistered = Static<typeof UserRegisteredSchema>;

/** Data of user.updated, user.deleted and user.restored. */
export const UserChangedSchema = Type.Object({ userId: UserIdSchema, version: Type.Integer({ minimum: 1 }) });
export type UserChanged = Static<typeof UserChangedSchema>;

export const SessionFamilyRevokedSchema = Type.Object({ userId: UserIdSchema, sessionId: Type.String(), reason: Type.String() });
export type SessionFamilyRevoked = Static<typeof SessionFamilyRevokedSchema>;
