import { defineService, runService } from '@noa/communication';
import { createUser } from './app.ts';
import { userRoutes } from './http/gatewayRoutes.ts';

/** Users and their profiles, on shards. */
export const userService = defineService({
  name: 'user',
  version: '0.1.0',
  portDefault: 3001,
  about: 'Users and their profiles, on sharded PostgreSQL.',
  config: {},
  routes: userRoutes,
  create: createUser,
});

if (import.meta.main) await runService(userService);
