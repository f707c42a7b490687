import { createHash, timingSafeEqual } from 'node:crypto';
import { Type } from 'typebox';
import { createServiceApp, problemResponses, type ServiceApp } from '@noa/communication';
import { HTTP_METHODS, RouteDeclarationSchema, type RouteDeclaration } from '@noa/contracts';
import { NoaError, type Clock, type Lifecycle, type Logger, type Metrics, type Random } from '@noa/core';
import type { APIGateway } from '../APIGateway.ts';
import type { GatewayConfig } from '../config.ts';
import { renderOnly } from './renderOnly.ts';

export interface AdminAPIOptions {
  readonly gateway: APIGateway;
  readonly config: GatewayConfig;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** The gateway's; shown at /metrics. */
  readonly metrics: Metrics;
}

const UpstreamSchema = Type.Object({
  service: Type.String(),
  id: Type.String(),
  host: Type.String(),
  port: Type.Integer(),
  version: Type.String(),
  status: Type.String(),
  breaker: Type.String(),
  inFlight: Type.Integer(),
  latencyMs: Type.Optional(Type.Number()),
  isEjected: Type.Boolean(),
});
const KnownRouteSchema = Type.Object({ source: Type.String(), route: Type.Unknown() });
const ExplanationSchema = Type.Object({
  version: Type.Integer(),
  outcome: Type.String(),
  refusedBecause: Type.Optional(Type.String()),
  route: Type.Optional(Type.Unknown()),
  allow: Type.Optional(Type.Array(Type.String())),
  losers: Type.Array(Type.Object({ id: Type.String(), path: Type.String(), reason: Type.String() })),
});
const IdParams = Type.Object({ id: Type.String({ maxLength: 128 }) });
const security = [{ bearer: [] }];

/** The operators' side door: rules, explanations, upstreams, drain, health, metrics. Bearer token, meant for loopback. */
export class AdminAPI implements Lifecycle {
  readonly #options: AdminAPIOptions;
  #app: ServiceApp | undefined;
  #address: { host: string; port: number } | undefined;

  constructor(options: AdminAPIOptions) {
    this.#options = options;
  }

  get address(): { host: string; port: number } | undefined {
    return this.#address;
  }

  async start(): Promise<void> {
    const { config, gateway, clock, random, logger, metrics } = this.#options;
    const app = await createServiceApp({
      name: 'gateway-admin',
      version: '0.1.0',
      about: 'Rules, upstreams and state of the gateway.',
      publicURL: `http://${config.adminHost}:${config.adminPort}`,
      clock,
      random,
      logger,
      metrics: renderOnly(metrics),
      health: gateway.health,
    });
    this.#app = app;
    useAdminToken(app, config.adminToken);
    addRouteRoutes(app, gateway);
    addStateRoutes(app, gateway);
    await app.listen({ host: config.adminHost, port: config.adminPort });
    const address = app.server.address();
    this.#address = { host: config.adminHost, port: typeof address === 'object' && address !== null ? address.port : 0 };
  }

  async stop(): Promise<void> {
    await this.#app?.close();
  }
}

/** Only /admin/* needs the token: health and metrics are for probes and scrapers on the same private side. */
function useAdminToken(app: ServiceApp, token: string): void {
  const expected = digest(token);
  app.addHook('onRequest', (request, _reply, done) => {
    if (!request.url.startsWith('/admin')) return done();
    const given = /^Bearer (\S{1,1024})$/i.exec(request.headers.authorization ?? '')?.[1];
    // Digests are compared, so that neither content nor length shows in the time.
    if (given !== undefined && timingSafeEqual(digest(given), expected)) return done();
    done(new NoaError('ADMIN_TOKEN_INVALID', { message: 'The admin API needs its bearer token', httpStatus: 401 }));
  });
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function addRouteRoutes(app: ServiceApp, gateway: APIGateway): void {
  const tags = ['routes'];
  app.get(
    '/admin/routes',
    { schema: { tags, security, response: { 200: Type.Object({ items: Type.Array(KnownRouteSchema) }), ...problemResponses(401) } } },
    () => ({ items: gateway.routes().map((route) => ({ source: route.source, route: route.declaration })) }),
  );
  app.get(
    '/admin/routes/:id',
    { schema: { tags, security, params: IdParams, response: { 200: KnownRouteSchema, ...problemResponses(401, 404) } } },
    (request) => {
      const route = gateway.routes().find((candidate) => candidate.id === request.params.id);
      if (route === undefined) throw new NoaError('NOT_FOUND', { message: 'There is no such route', httpStatus: 404 });
      return { source: route.source, route: route.declaration };
    },
  );
  app.put(
    '/admin/routes/:id',
    {
      schema: {
        tags,
        security,
        params: IdParams,
        body: Type.Omit(RouteDeclarationSchema, ['id']),
        response: { 200: KnownRouteSchema, ...problemResponses(401, 409) },
      },
    },
    async (request) => {
      const route = await gateway.putRoute({ ...request.body, id: request.params.id } as RouteDeclaration);
      return { source: route.source, route: route.declaration };
    },
  );
  app.delete(
    '/admin/routes/:id',
    { schema: { tags, security, params: IdParams, response: { 204: Type.Null(), ...problemResponses(401, 404) } } },
    async (request, reply) => {
      await gateway.removeRoute(request.params.id);
      return reply.code(204).send(null);
    },
  );
}

function addStateRoutes(app: ServiceApp, gateway: APIGateway): void {
  const tags = ['state'];
  const ExplainQuery = Type.Object({
    method: Type.Union(HTTP_METHODS.map((method) => Type.Literal(method))),
    path: Type.String({ maxLength: 8_192 }),
    host: Type.Optional(Type.String({ maxLength: 260 })),
  });
  app.get(
    '/admin/explain',
    { schema: { tags, security, querystring: ExplainQuery, response: { 200: ExplanationSchema, ...problemResponses(401) } } },
    (request) => {
      const { method, path, host } = request.query;
      const explanation = gateway.explain(method, path, host ?? '');
      return {
        ...explanation,
        losers: [...explanation.losers],
        ...(explanation.allow === undefined ? {} : { allow: [...explanation.allow] }),
      } as never;
    },
  );
  app.get(
    '/admin/upstreams',
    { schema: { tags, security, response: { 200: Type.Object({ items: Type.Array(UpstreamSchema) }), ...problemResponses(401) } } },
    () => ({ items: gateway.upstreams().map(({ latencyMs, ...rest }) => ({ ...rest, ...(latencyMs === undefined ? {} : { latencyMs }) })) }),
  );
  app.post(
    '/admin/drain',
    { schema: { tags, security, response: { 202: Type.Object({ status: Type.Literal('draining') }), ...problemResponses(401) } } },
    (_request, reply) => {
      gateway.drain();
      reply.code(202);
      return { status: 'draining' as const };
    },
  );
}
