import { Type } from 'typebox';
import type { ConfigOf } from '@noa/core';

const ms = (minimum: number, maximum: number) => Type.Integer({ minimum, maximum });

/** The gateway's settings, for `loadConfig`. */
export const gatewayConfig = {
  host: {
    path: 'gateway.host',
    env: ['NOA_GATEWAY_HOST', 'NOA_HOST'],
    schema: Type.String({ minLength: 1 }),
    default: '127.0.0.1',
    about: 'Public address to listen on.',
  },
  port: {
    path: 'gateway.port',
    env: ['NOA_GATEWAY_PORT'],
    schema: Type.Integer({ minimum: 0, maximum: 65_535 }),
    default: 3_000,
    about: 'Public port; 0 takes a free one.',
  },
  adminHost: {
    path: 'gateway.admin.host',
    env: ['NOA_GATEWAY_ADMIN_HOST'],
    schema: Type.String({ minLength: 1 }),
    default: '127.0.0.1',
    about: 'Address of the admin API; keep it on loopback or a private network.',
  },
  adminPort: {
    path: 'gateway.admin.port',
    env: ['NOA_GATEWAY_ADMIN_PORT'],
    schema: Type.Integer({ minimum: 0, maximum: 65_535 }),
    default: 3_010,
    about: 'Port of the admin API; 0 takes a free one.',
  },
  adminToken: {
    path: 'gateway.admin.token',
    env: ['NOA_ADMIN_TOKEN'],
    schema: Type.String({ minLength: 16, description: 'at least 16 characters' }),
    secret: true,
    about: 'Bearer token of the admin API.',
  },
  rateLimitPerSecond: {
    path: 'gateway.rateLimit.requestsPerSecond',
    env: ['NOA_GATEWAY_RATE_LIMIT', 'RATE_LIMIT'],
    schema: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
    default: 100,
    about: 'Requests per second and client address over all routes without a limit of their own.',
  },
  rateLimitBurst: {
    path: 'gateway.rateLimit.burst',
    env: ['NOA_GATEWAY_RATE_LIMIT_BURST'],
    schema: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
    optional: true,
    about: 'Requests that may come at once. Default: one second of them.',
  },
  timeoutMs: {
    path: 'gateway.timeoutMs',
    env: ['NOA_GATEWAY_TIMEOUT_MS'],
    schema: ms(1, 900_000),
    default: 30_000,
    about: 'Time for a whole exchange where the route says nothing.',
  },
  connectTimeoutMs: {
    path: 'gateway.connectTimeoutMs',
    env: ['NOA_GATEWAY_CONNECT_TIMEOUT_MS'],
    schema: ms(50, 60_000),
    default: 1_000,
    about: 'Time to open a connection to an instance.',
  },
  headTimeoutMs: {
    path: 'gateway.headTimeoutMs',
    env: ['NOA_GATEWAY_HEAD_TIMEOUT_MS'],
    schema: ms(100, 600_000),
    default: 10_000,
    about: 'Time for a client to send a request head.',
  },
  instanceWaitMs: {
    path: 'gateway.instanceWaitMs',
    env: ['NOA_GATEWAY_INSTANCE_WAIT_MS'],
    schema: ms(0, 60_000),
    default: 3_000,
    about: 'How long requests wait for an instance after a service lost its last one.',
  },
  bodyBytesMax: {
    path: 'gateway.bodyBytesMax',
    env: ['NOA_GATEWAY_BODY_BYTES_MAX'],
    schema: Type.Integer({ minimum: 0, maximum: 5_368_709_120 }),
    default: 10_485_760,
    about: 'Largest request body where the route says nothing.',
  },
  exchangesMax: {
    path: 'gateway.exchangesMax',
    env: ['NOA_GATEWAY_EXCHANGES_MAX'],
    schema: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
    default: 5_000,
    about: 'Exchanges in progress at once; the next is answered 503.',
  },
  tunnelsMax: {
    path: 'gateway.tunnelsMax',
    env: ['NOA_GATEWAY_TUNNELS_MAX'],
    schema: Type.Integer({ minimum: 0, maximum: 1_000_000 }),
    default: 2_000,
    about: 'Open WebSockets at once; the next is answered 503.',
  },
  trustedProxies: {
    path: 'gateway.trustedProxies',
    env: ['NOA_GATEWAY_TRUSTED_PROXIES'],
    schema: Type.Array(Type.String({ minLength: 2 }), { description: 'addresses or networks such as 10.0.0.0/8, separated by commas' }),
    default: [] as string[],
    about: 'Peers whose X-Forwarded-* fields are believed.',
  },
  corsOrigins: {
    path: 'gateway.corsOrigins',
    env: ['NOA_GATEWAY_CORS_ORIGINS', 'CORS_ORIGIN'],
    schema: Type.Array(Type.String({ pattern: '^(\\*|https?://[^/\\s]+)$' }), {
      description: 'origins such as https://app.example.com, or *, separated by commas',
    }),
    default: [] as string[],
    about: 'Origins whose pages may call the API. Empty: no CORS.',
  },
  drainDelayMs: {
    path: 'gateway.drainDelayMs',
    env: ['NOA_GATEWAY_DRAIN_DELAY_MS'],
    schema: ms(0, 600_000),
    default: 0,
    about: 'Pause between turning unready and refusing connections, for balancers in front to notice.',
  },
  drainMs: {
    path: 'gateway.drainMs',
    env: ['NOA_DRAIN_MS'],
    schema: ms(0, 600_000),
    default: 10_000,
    about: 'How long exchanges and WebSockets in progress may take to end at stop.',
  },
} as const;

export type GatewayConfig = ConfigOf<typeof gatewayConfig>;
