import type { RouteDeclaration } from '@noa/contracts';

/** What the gateway publishes of this service. */
export const userRoutes: readonly RouteDeclaration[] = [
  { id: 'user.collection', path: '/api/users', methods: ['GET', 'POST'], service: 'user', auth: 'required', bodyBytesMax: 1_048_576 },
  { id: 'user.me', path: '/api/users/me', methods: ['GET', 'PATCH'], service: 'user', auth: 'required', bodyBytesMax: 1_048_576 },
  { id: 'user.item', path: '/api/users/{id}', methods: ['GET', 'PATCH', 'DELETE'], service: 'user', auth: 'required', bodyBytesMax: 1_048_576 },
  { id: 'user.restore', path: '/api/users/{id}/restore', methods: ['POST'], service: 'user', auth: 'required', roles: ['admin'] },
];
