import type { RouteDeclaration } from '@noa/contracts';

/** Guessing is answered slowly; a household or office still gets in. */
const LOGIN_RATE = { requestsPerSecond: 10, burst: 30 };
/** Clients with many tabs or workers refresh at the same moment. */
const REFRESH_RATE = { requestsPerSecond: 50, burst: 300 };
const OIDC_RATE = { requestsPerSecond: 50, burst: 150 };
const BODY_BYTES_MAX = 65_536;

const base = { service: 'auth', auth: 'none', bodyBytesMax: BODY_BYTES_MAX } as const;

/** What the gateway publishes of the auth service. Routes with `auth: none` check tokens, codes or passwords themselves. */
export const authRoutes: readonly RouteDeclaration[] = [
  { ...base, id: 'auth.register', path: '/api/auth/register', methods: ['POST'], rateLimit: LOGIN_RATE },
  { ...base, id: 'auth.login', path: '/api/auth/login', methods: ['POST'], rateLimit: LOGIN_RATE },
  { ...base, id: 'auth.refresh', path: '/api/auth/refresh', methods: ['POST'], rateLimit: REFRESH_RATE },
  { ...base, id: 'auth.logout', path: '/api/auth/logout', methods: ['POST'] },
  { ...base, id: 'auth.sessions', path: '/api/auth/sessions', methods: ['GET'], auth: 'required' },
  { ...base, id: 'auth.sessionById', path: '/api/auth/sessions/{id}', methods: ['DELETE'], auth: 'required' },
  { ...base, id: 'auth.keysRotate', path: '/api/auth/keys/rotate', methods: ['POST'], auth: 'required', roles: ['admin'] },
  { ...base, id: 'auth.clients', path: '/api/auth/clients', methods: ['POST'], auth: 'required', roles: ['admin'] },
  { ...base, id: 'auth.clientById', path: '/api/auth/clients/{id}', methods: ['DELETE'], auth: 'required', roles: ['admin'] },
  { ...base, id: 'auth.discovery', path: '/.well-known/openid-configuration', methods: ['GET'] },
  { ...base, id: 'auth.oidc', path: '/oauth/*', methods: ['GET', 'POST', 'OPTIONS'], rateLimit: OIDC_RATE },
];
