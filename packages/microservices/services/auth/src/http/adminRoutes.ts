import { Type } from 'typebox';
import { problemResponses, type CallerCheck, type ServiceApp } from '@noa/communication';
import { ClientSchema, type Clients } from '../domain/Clients.ts';
import type { KeyRing } from '../domain/KeyRing.ts';
import { takeMissingBody } from './takeMissingBody.ts';

export interface AdminRoutesOptions {
  readonly keys: KeyRing;
  readonly clients: Clients;
  readonly callers: CallerCheck;
}

const TAGS = ['auth-admin'];
const bearer = { security: [{ bearer: [] }] };
const closed = { additionalProperties: false };

/** What only administrators may do: rotate keys, register and remove OAuth clients. */
export function addAdminRoutes(app: ServiceApp, { keys, clients, callers }: AdminRoutesOptions): void {
  app.post(
    '/api/auth/keys/rotate',
    {
      preValidation: takeMissingBody,
      schema: {
        operationId: 'rotateKeys',
        summary: 'Let the next signing keys sign. `force` does so although verifiers may not have seen them yet.',
        tags: TAGS,
        ...bearer,
        body: Type.Object({ force: Type.Optional(Type.Boolean()) }, closed),
        response: { 200: Type.Object({ keyIds: Type.Array(Type.String()) }), ...problemResponses(401, 403, 409) },
      },
    },
    async (request) => {
      await callers.require(request, { roles: ['admin'] });
      await keys.rotate({ force: request.body.force ?? false });
      return { keyIds: [keys.active('EdDSA').kid, keys.active('RS256').kid] };
    },
  );

  app.post(
    '/api/auth/clients',
    {
      schema: {
        operationId: 'registerClient',
        summary: 'Register an OAuth client. The secret of a confidential client is told only here.',
        tags: TAGS,
        ...bearer,
        body: ClientSchema,
        response: { 201: Type.Object({ clientId: Type.String(), clientSecret: Type.Optional(Type.String()) }), ...problemResponses(401, 403) },
      },
    },
    async (request, reply) => {
      await callers.require(request, { roles: ['admin'] });
      const { id, secret } = await clients.register(request.body);
      return reply
        .code(201)
        .header('cache-control', 'no-store')
        .send({ clientId: id, ...(secret === undefined ? {} : { clientSecret: secret }) });
    },
  );

  app.delete(
    '/api/auth/clients/:id',
    {
      schema: {
        operationId: 'removeClient',
        summary: 'Remove a registered OAuth client. Tokens it holds run out by themselves.',
        tags: TAGS,
        ...bearer,
        params: Type.Object({ id: Type.String({ minLength: 1, maxLength: 128 }) }),
        response: { 204: Type.Null(), ...problemResponses(401, 403, 404) },
      },
    },
    async (request, reply) => {
      await callers.require(request, { roles: ['admin'] });
      await clients.remove(request.params.id);
      return reply.code(204).send(null);
    },
  );
}
