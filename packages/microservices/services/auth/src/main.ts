import { defineService, runService } from '@noa/communication';
import { createAuth } from './app.ts';
import { authFields } from './config.ts';
import { authRoutes } from './http/gatewayRoutes.ts';

/** Accounts, sessions, tokens and OpenID Connect. */
export const authService = defineService({
  name: 'auth',
  version: '0.1.0',
  portDefault: 3002,
  about: 'Accounts, sessions, tokens and OpenID Connect.',
  config: authFields,
  routes: authRoutes,
  create: createAuth,
});

if (import.meta.main) await runService(authService);
