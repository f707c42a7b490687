import { Type } from 'typebox';
import { problemResponses, type CallerCheck, type ServiceApp } from '@noa/communication';
import { CreateUserSchema, UserIdSchema, UserSchema, type AccessClaims, type Role } from '@noa/contracts';
import { isUUID, NoaError } from '@noa/core';
import type { Cursor } from '../domain/Cursor.ts';
import type { Users } from '../domain/Users.ts';
import { parseIfMatch, matchesAny } from './etag.ts';
import { UserPatchSchema } from './schemas.ts';

export interface UserRoutesOptions {
  readonly users: Users;
  readonly callers: CallerCheck;
  readonly cursor: Cursor;
  readonly publicURL: string;
}

const READERS: readonly Role[] = ['admin', 'readonly', 'operator'];
const LIST = 'users';
const security = [{ bearer: [] }];
const IdParams = Type.Object({ id: UserIdSchema });
const ETagHeaders = Type.Object({ 'if-match': Type.Optional(Type.String({ maxLength: 200 })) });
const ReadHeaders = Type.Object({ 'if-none-match': Type.Optional(Type.String({ maxLength: 1_000 })) });

/** /api/users and below. */
export function addUserRoutes(app: ServiceApp, options: UserRoutesOptions): void {
  addCollectionRoutes(app, options);
  addOwnRoutes(app, options);
  addItemRoutes(app, options);
  addRemovalRoutes(app, options);
}

function addCollectionRoutes(app: ServiceApp, { users, callers, cursor, publicURL }: UserRoutesOptions): void {
  app.post(
    '/api/users',
    {
      schema: {
        tags: ['users'],
        security,
        body: CreateUserSchema,
        response: { 200: UserSchema, 201: UserSchema, ...problemResponses(401, 403, 409, 413, 415, 503) },
      },
    },
    async (request, reply) => {
      await callers.require(request, { roles: ['admin', 'service'] });
      const { user, isNew } = await users.create(request.body);
      reply
        .code(isNew ? 201 : 200)
        .header('etag', `"${user.version}"`)
        .header('location', `/api/users/${user.id}`);
      return user;
    },
  );
  const Query = Type.Object({
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, default: 50 })),
    cursor: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
  });
  const Page = Type.Object({ items: Type.Array(UserSchema), cursor: Type.Optional(Type.String()) });
  app.get(
    '/api/users',
    { schema: { tags: ['users'], security, querystring: Query, response: { 200: Page, ...problemResponses(401, 403, 503) } } },
    async (request, reply) => {
      await callers.require(request, { roles: READERS });
      const { limit = 50, cursor: position } = request.query;
      const after = position === undefined ? undefined : cursor.decode(LIST, position);
      const { users: items, next } = await users.list(limit, after);
      if (next === undefined) return { items };
      const following = cursor.encode(LIST, next);
      reply.header('link', `<${publicURL}/api/users?limit=${limit}&cursor=${following}>; rel="next"`);
      return { items, cursor: following };
    },
  );
}

function addOwnRoutes(app: ServiceApp, { users, callers }: UserRoutesOptions): void {
  app.get(
    '/api/users/me',
    {
      schema: {
        tags: ['users'],
        security,
        headers: ReadHeaders,
        response: { 200: UserSchema, 304: Type.Null(), ...problemResponses(401, 404, 503) },
      },
    },
    async (request, reply) => {
      const user = await users.get(ownId(await callers.require(request)));
      reply.header('etag', `"${user.version}"`);
      if (matchesAny(request.headers['if-none-match'], user.version)) {
        reply.code(304);
        return null as never;
      }
      return user;
    },
  );
  app.patch(
    '/api/users/me',
    {
      schema: {
        tags: ['users'],
        security,
        headers: ETagHeaders,
        body: UserPatchSchema,
        response: { 200: UserSchema, ...problemResponses(401, 403, 404, 409, 412, 413, 415, 503) },
      },
    },
    async (request, reply) => {
      const claims = await callers.require(request);
      forbidRoles(request.body, claims);
      const user = await users.update(ownId(claims), request.body, parseIfMatch(request.headers['if-match']));
      reply.header('etag', `"${user.version}"`);
      return user;
    },
  );
}

function addItemRoutes(app: ServiceApp, { users, callers }: UserRoutesOptions): void {
  app.get(
    '/api/users/:id',
    {
      schema: {
        tags: ['users'],
        security,
        params: IdParams,
        headers: ReadHeaders,
        response: { 200: UserSchema, 304: Type.Null(), ...problemResponses(401, 403, 404, 503) },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      allow(await callers.require(request), id, READERS);
      const user = await users.get(id);
      reply.header('etag', `"${user.version}"`);
      if (matchesAny(request.headers['if-none-match'], user.version)) {
        reply.code(304);
        return null as never;
      }
      return user;
    },
  );
  app.patch(
    '/api/users/:id',
    {
      schema: {
        tags: ['users'],
        security,
        params: IdParams,
        headers: ETagHeaders,
        body: UserPatchSchema,
        response: { 200: UserSchema, ...problemResponses(401, 403, 404, 409, 412, 413, 415, 503) },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const claims = await callers.require(request);
      allow(claims, id, ['admin']);
      forbidRoles(request.body, claims);
      const user = await users.update(id, request.body, parseIfMatch(request.headers['if-match']));
      reply.header('etag', `"${user.version}"`);
      return user;
    },
  );
}

function addRemovalRoutes(app: ServiceApp, { users, callers }: UserRoutesOptions): void {
  app.delete(
    '/api/users/:id',
    {
      schema: {
        tags: ['users'],
        security,
        params: IdParams,
        headers: ETagHeaders,
        response: { 204: Type.Null(), ...problemResponses(401, 403, 404, 412, 503) },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      allow(await callers.require(request), id, ['admin']);
      await users.remove(id, parseIfMatch(request.headers['if-match']));
      reply.code(204);
      return null;
    },
  );
  app.post(
    '/api/users/:id/restore',
    { schema: { tags: ['users'], security, params: IdParams, response: { 200: UserSchema, ...problemResponses(401, 403, 404, 409, 503) } } },
    async (request, reply) => {
      await callers.require(request, { roles: ['admin'] });
      const user = await users.restore(request.params.id);
      reply.header('etag', `"${user.version}"`);
      return user;
    },
  );
}

/** The id of the person who calls. */
function ownId(claims: AccessClaims): string {
  if (isUUID(claims.sub)) return claims.sub;
  throw new NoaError('USER_NOT_FOUND', { message: 'The caller is not a user', httpStatus: 404 });
}

function allow(claims: AccessClaims, id: string, roles: readonly Role[]): void {
  if (claims.sub === id || roles.some((role) => claims.roles?.includes(role))) return;
  throw new NoaError('FORBIDDEN', { message: 'Your roles do not allow this', httpStatus: 403 });
}

/** Nobody gives themselves a role. */
function forbidRoles(body: { roles?: unknown }, claims: AccessClaims): void {
  if (body.roles === undefined || claims.roles?.includes('admin')) return;
  throw new NoaError('FORBIDDEN', { message: 'Only an administrator changes roles', httpStatus: 403 });
}
