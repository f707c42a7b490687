import Fastify, { LogController, type FastifyReply } from 'fastify';
import swagger from '@fastify/swagger';
import {
  childTrace,
  Deadline,
  DEADLINE_HEADER,
  newTrace,
  NoaError,
  parseTraceparent,
  PROBLEM_CONTENT_TYPE,
  runWithContext,
  toProblem,
  TRACEPARENT_HEADER,
  uuidv7,
  type Clock,
  type Logger,
  type Metrics,
  type Random,
  type RequestContext,
} from '@noa/core';
import { useStrictJSON } from './bodyParser.ts';
import { fastifyLogger } from './fastifyLogger.ts';
import type { Health } from './Health.ts';
import { addHealthRoutes } from './healthRoutes.ts';
import { useProblems } from './problems.ts';
import { useRequestMetrics } from './requestMetrics.ts';
import type { ServiceApp } from './ServiceDefinition.ts';
import { useValidation } from './validation.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Trace, deadline and id of this request; set before any handler runs. */
    noa?: RequestContext;
  }
}

export interface ServiceAppOptions {
  readonly name: string;
  readonly version: string;
  readonly about: string;
  readonly publicURL: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly health: Health;
}

export const REQUEST_ID_HEADER = 'x-request-id';
const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/;
/** A route that takes more says so itself. */
const BODY_BYTES_MAX = 1_048_576;
/** When the caller sets no deadline. */
const DEADLINE_MS_DEFAULT = 30_000;
/** Longer than the gateway's idle limit (4 s), so that the server is not the one that closes first. */
const KEEP_ALIVE_MS = 20_000;

/** A Fastify server with what every service answers alike: problems, ids, traces, deadlines, health, metrics, OpenAPI 3.1. */
export async function createServiceApp(options: ServiceAppOptions): Promise<ServiceApp> {
  const { clock, random, logger } = options;
  const app = Fastify({
    loggerInstance: fastifyLogger(logger),
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_BYTES_MAX,
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout: 60_000,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    routerOptions: { maxParamLength: 1_024 },
    exposeHeadRoutes: true,
    genReqId: (request) => {
      const given = request.headers[REQUEST_ID_HEADER];
      return typeof given === 'string' && REQUEST_ID.test(given) ? given : uuidv7(clock, random);
    },
    frameworkErrors: (error, request, reply) => {
      logger.debug({ err: error }, 'a malformed request was refused');
      const refusal = new NoaError('REQUEST_INVALID', { message: 'The request is malformed', httpStatus: 400 });
      void (reply as FastifyReply)
        .code(400)
        .type(PROBLEM_CONTENT_TYPE)
        .serializer(JSON.stringify)
        .send(toProblem(refusal, { requestId: request.id }));
    },
  }) as unknown as ServiceApp;

  useContext(app, options);
  useStrictJSON(app);
  useValidation(app);
  useProblems(app);
  useRequestMetrics(app, options);
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: `Noa ${options.name}`, version: options.version, description: options.about },
      servers: [{ url: options.publicURL }],
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } } },
    },
  });
  addHealthRoutes(app, options.health, options.metrics);
  app.get('/openapi.json', { schema: { hide: true } }, (_request, reply) => reply.send(app.swagger()));
  return app;
}

/** Gives each request its id, trace and deadline, and refuses what no route could take. */
function useContext(app: ServiceApp, options: ServiceAppOptions): void {
  const { clock, random, health } = options;
  app.addHook('onRequest', (request, reply, done) => {
    const parent = parseTraceparent(single(request.headers[TRACEPARENT_HEADER]));
    const context: RequestContext = {
      requestId: request.id,
      trace: parent === undefined ? newTrace(random) : childTrace(parent, random),
      deadline: Deadline.fromHeader(clock, single(request.headers[DEADLINE_HEADER]), DEADLINE_MS_DEFAULT),
    };
    request.noa = context;
    reply.header(REQUEST_ID_HEADER, request.id);
    if (health.isDraining) reply.header('connection', 'close');
    const encoding = request.headers['content-encoding'];
    if (encoding !== undefined && encoding !== 'identity') {
      return done(new NoaError('MEDIA_TYPE_UNSUPPORTED', { message: 'Compressed bodies are not taken', httpStatus: 415 }));
    }
    if (/%00/.test(request.url)) return done(new NoaError('REQUEST_INVALID', { message: 'The address holds a NUL character', httpStatus: 400 }));
    runWithContext(context, done);
  });
  // Reading the body leaves the async context of the hook above; enter it again for the handler.
  app.addHook('preValidation', (request, _reply, done) => {
    if (request.noa === undefined) return done();
    runWithContext(request.noa, done);
  });
}

function single(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
