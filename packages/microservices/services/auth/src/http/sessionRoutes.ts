import { Type } from 'typebox';
import { problemResponses, type CallerCheck, type ServiceApp, type ServiceRequest } from '@noa/communication';
import { DisplayNameSchema, EmailSchema, LocaleSchema, RoleSchema, UserIdSchema } from '@noa/contracts';
import { NoaError } from '@noa/core';
import type { Credentials } from '../domain/Credentials.ts';
import type { Registration } from '../domain/Registration.ts';
import type { Sessions } from '../domain/Sessions.ts';
import type { Account } from '../store/AccountStore.ts';
import { SESSIONS_MAX, type Session } from '../store/SessionStore.ts';
import type { ClientNetwork } from './clientNetwork.ts';
import { takeMissingBody } from './takeMissingBody.ts';

export interface SessionRoutesOptions {
  readonly registration: Registration;
  readonly credentials: Credentials;
  readonly sessions: Sessions;
  readonly callers: CallerCheck;
  readonly network: ClientNetwork;
}

/** The exact bounds, 8 to 256 characters after normalisation, are the domain's; these keep nonsense out. */
const PasswordSchema = Type.String({ minLength: 1, maxLength: 1_024 });
const RefreshTokenSchema = Type.String({ minLength: 1, maxLength: 512, pattern: '^[\\x21-\\x7e]+$' });

const AccountUserSchema = Type.Object({
  id: UserIdSchema,
  email: EmailSchema,
  displayName: DisplayNameSchema,
  locale: LocaleSchema,
  roles: Type.Array(RoleSchema),
});

const TokenAnswerSchema = Type.Object({
  accessToken: Type.String(),
  tokenType: Type.Literal('Bearer'),
  /** Seconds. */
  expiresIn: Type.Integer(),
  refreshToken: Type.String(),
  refreshExpiresIn: Type.Integer(),
  sessionId: Type.String(),
});

const SessionSchema = Type.Object({
  id: Type.String(),
  /** The client's User-Agent at login. */
  device: Type.String(),
  network: Type.String(),
  createdAt: Type.String({ format: 'date-time' }),
  lastUsedAt: Type.String({ format: 'date-time' }),
  expiresAt: Type.String({ format: 'date-time' }),
  isCurrent: Type.Boolean(),
});

const TAGS = ['auth'];
const bearer = { security: [{ bearer: [] }] };
const closed = { additionalProperties: false };

/** Registration, login, refresh, logout and the caller's sessions. */
export function addSessionRoutes(app: ServiceApp, options: SessionRoutesOptions): void {
  addRegister(app, options);
  addLogin(app, options);
  addRefresh(app, options);
  addLogout(app, options);
  addSessionList(app, options);
}

function addRegister(app: ServiceApp, { registration }: SessionRoutesOptions): void {
  const body = Type.Object(
    { email: EmailSchema, password: PasswordSchema, displayName: DisplayNameSchema, locale: Type.Optional(LocaleSchema) },
    closed,
  );
  app.post(
    '/api/auth/register',
    {
      schema: {
        operationId: 'register',
        summary: 'Make an account. The same request again goes on where an interrupted one stopped.',
        tags: TAGS,
        body,
        response: { 201: Type.Object({ user: AccountUserSchema }), ...problemResponses(409, 503) },
      },
    },
    async (request, reply) => reply.code(201).send({ user: userOf(await registration.register(request.body)) }),
  );
}

function addLogin(app: ServiceApp, { credentials, sessions, network }: SessionRoutesOptions): void {
  app.post(
    '/api/auth/login',
    {
      schema: {
        operationId: 'login',
        summary: 'Open a session with e-mail and password.',
        tags: TAGS,
        body: Type.Object({ email: EmailSchema, password: PasswordSchema }, closed),
        response: { 200: Type.Object({ ...TokenAnswerSchema.properties, user: AccountUserSchema }), ...problemResponses(401, 429, 503) },
      },
    },
    async (request, reply) => {
      const from = networkOf(request, network);
      const account = await credentials.check(request.body.email, request.body.password, from);
      const answer = await sessions.open(account, { userAgent: request.headers['user-agent'] ?? '', network: from });
      return reply.header('cache-control', 'no-store').send({ ...answer, user: userOf(account) });
    },
  );
}

function addRefresh(app: ServiceApp, { sessions }: SessionRoutesOptions): void {
  app.post(
    '/api/auth/refresh',
    {
      schema: {
        operationId: 'refresh',
        summary: 'Exchange a refresh token for new tokens. Racing or repeated requests get the same answer for a short time.',
        tags: TAGS,
        body: Type.Object({ refreshToken: RefreshTokenSchema }, closed),
        response: { 200: TokenAnswerSchema, ...problemResponses(401, 503) },
      },
    },
    async (request, reply) => reply.header('cache-control', 'no-store').send(await sessions.refresh(request.body.refreshToken)),
  );
}

function addLogout(app: ServiceApp, { sessions, callers }: SessionRoutesOptions): void {
  app.post(
    '/api/auth/logout',
    {
      preValidation: takeMissingBody,
      schema: {
        operationId: 'logout',
        summary: 'End the session of the refresh token in the body, or of the access token in the header.',
        tags: TAGS,
        ...bearer,
        body: Type.Object({ refreshToken: Type.Optional(RefreshTokenSchema) }, closed),
        response: { 204: Type.Null(), ...problemResponses(401) },
      },
    },
    async (request, reply) => {
      const token = request.body.refreshToken;
      if (token !== undefined) await sessions.logout(token);
      else {
        const caller = await callers.require(request);
        if (caller.sid !== undefined) await sessions.logoutSession(caller.sub, caller.sid);
      }
      return reply.code(204).send(null);
    },
  );
}

function addSessionList(app: ServiceApp, { sessions, callers }: SessionRoutesOptions): void {
  app.get(
    '/api/auth/sessions',
    {
      schema: {
        operationId: 'listSessions',
        summary: "The caller's live sessions, newest first.",
        tags: TAGS,
        ...bearer,
        response: { 200: Type.Object({ items: Type.Array(SessionSchema, { maxItems: SESSIONS_MAX }) }), ...problemResponses(401, 403) },
      },
    },
    async (request) => {
      const caller = await person(callers, request);
      return { items: (await sessions.list(caller.sub)).map((session) => viewOf(session, caller.sid)) };
    },
  );
  app.delete(
    '/api/auth/sessions/:id',
    {
      schema: {
        operationId: 'revokeSession',
        summary: "End one of the caller's sessions.",
        tags: TAGS,
        ...bearer,
        params: Type.Object({ id: UserIdSchema }),
        response: { 204: Type.Null(), ...problemResponses(401, 403, 404) },
      },
    },
    async (request, reply) => {
      const caller = await person(callers, request);
      await sessions.revoke(caller.sub, request.params.id);
      return reply.code(204).send(null);
    },
  );
}

/** A caller who can have sessions: clients and services have none. */
async function person(callers: CallerCheck, request: ServiceRequest): Promise<{ sub: string; sid: string | undefined }> {
  const { sub, sid, client_id } = await callers.require(request);
  if (sub === client_id || sub.startsWith('service:')) {
    throw new NoaError('AUTH_PERSON_ONLY', { message: 'Only people have sessions', httpStatus: 403 });
  }
  return { sub, sid };
}

function networkOf(request: ServiceRequest, network: ClientNetwork): string {
  return network.of(request.socket.remoteAddress, [request.headers['x-forwarded-for']].flat().join(','));
}

function userOf(account: Account) {
  const { id, email, displayName, locale, roles } = account;
  return { id, email, displayName, locale, roles: [...roles] };
}

function viewOf(session: Session, currentId: string | undefined) {
  return {
    id: session.id,
    device: session.userAgent,
    network: session.network,
    createdAt: new Date(session.createdAtMs).toISOString(),
    lastUsedAt: new Date(session.lastUsedAtMs).toISOString(),
    expiresAt: new Date(session.expiresAtMs).toISOString(),
    isCurrent: session.id === currentId,
  };
}
