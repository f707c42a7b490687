export {
  EventType,
  SessionFamilyRevokedSchema,
  UserChangedSchema,
  UserRegisteredSchema,
  type SessionFamilyRevoked,
  type UserChanged,
  type UserRegistered,
} from './events.ts';
export { AccessClaimsSchema, API_AUDIENCE, DEFAULT_ROLES, INTERNAL_AUDIENCE, ROLES, RoleSchema, type AccessClaims, type Role } from './roles.ts';
export { HTTP_METHODS, RouteDeclarationSchema, type RouteDeclaration } from './routes.ts';
export {
  CreateUserSchema,
  DisplayNameSchema,
  EmailSchema,
  LocaleSchema,
  ProfileSchema,
  UserIdSchema,
  UserSchema,
  type CreateUser,
  type User,
} from './users.ts';
