import type { RouteDeclaration } from '@noa/contracts';

const common = { service: 'notification', auth: 'required', bodyBytesMax: 1_048_576 } as const;

/** What the gateway publishes of this service. */
export const notificationRoutes: readonly RouteDeclaration[] = [
  { id: 'notification.submit', path: '/api/notifications', methods: ['POST'], ...common },
  { id: 'notification.item', path: '/api/notifications/{id}', methods: ['GET'], ...common },
  { id: 'notification.templates', path: '/api/notifications/templates', methods: ['GET'], ...common },
  { id: 'notification.template', path: '/api/notifications/templates/{name}', methods: ['GET', 'PUT'], ...common },
  { id: 'notification.preview', path: '/api/notifications/templates/{name}/preview', methods: ['POST'], ...common },
  { id: 'notification.sink', path: '/api/notifications/sink/messages', methods: ['GET'], ...common },
];
