import { Type } from 'typebox';
import { problemResponses, type CallerCheck, type ServiceApp } from '@noa/communication';
import { UserIdSchema, type Role } from '@noa/contracts';
import { NoaError } from '@noa/core';
import { templateNotFound, type Notifications } from '../domain/Notifications.ts';
import { fallbackChain, type TemplateRenderer } from '../domain/TemplateRenderer.ts';
import type { SinkStore } from '../store/SinkStore.ts';
import type { TemplateStore } from '../store/TemplateStore.ts';
import {
  AcceptedSchema,
  NotificationRequestSchema,
  NotificationSchema,
  PreviewSchema,
  RenderedSchema,
  SinkPageSchema,
  SinkQuerySchema,
  TemplateBodySchema,
  TemplateNameSchema,
  TemplateSchema,
} from './schemas.ts';

export interface NotificationRoutesOptions {
  readonly notifications: Notifications;
  readonly templates: TemplateStore;
  readonly renderer: TemplateRenderer;
  /** Undefined when mail goes to a real server. */
  readonly sink: SinkStore | undefined;
  readonly callers: CallerCheck;
}

const SENDERS: readonly Role[] = ['admin', 'operator', 'service'];
const READERS: readonly Role[] = ['admin', 'operator', 'readonly'];
const LOCALE_DEFAULT = 'en';
const security = [{ bearer: [] }];
const NameParams = Type.Object({ name: TemplateNameSchema });

/** /api/notifications and below. */
export function addNotificationRoutes(app: ServiceApp, options: NotificationRoutesOptions): void {
  addTemplateRoutes(app, options);
  addMessageRoutes(app, options);
  addSinkRoute(app, options);
}

function addTemplateRoutes(app: ServiceApp, { templates, renderer, callers }: NotificationRoutesOptions): void {
  const tags = ['templates'];
  const List = Type.Object({ items: Type.Array(TemplateSchema) });
  app.get('/api/notifications/templates', { schema: { tags, security, response: { 200: List, ...problemResponses(401, 403) } } }, async (request) => {
    await callers.require(request, { roles: READERS });
    return { items: await templates.list() };
  });
  app.get(
    '/api/notifications/templates/:name',
    { schema: { tags, security, params: NameParams, response: { 200: List, ...problemResponses(401, 403, 404) } } },
    async (request) => {
      await callers.require(request, { roles: READERS });
      const items = await templates.list(request.params.name);
      if (items.length === 0) throw templateNotFound();
      return { items };
    },
  );
  app.put(
    '/api/notifications/templates/:name',
    {
      schema: {
        tags,
        security,
        params: NameParams,
        body: TemplateBodySchema,
        response: { 200: TemplateSchema, ...problemResponses(401, 403, 413, 415) },
      },
    },
    async (request) => {
      await callers.require(request, { roles: ['admin'] });
      const { locale, subject, text, html } = request.body;
      renderer.check({ subject, text, ...(html === undefined ? {} : { html }) });
      return templates.add({ name: request.params.name, locale, subject, text, ...(html === undefined ? {} : { html }) });
    },
  );
  app.post(
    '/api/notifications/templates/:name/preview',
    {
      schema: {
        tags,
        security,
        params: NameParams,
        body: PreviewSchema,
        response: { 200: RenderedSchema, ...problemResponses(401, 403, 404, 413, 415) },
      },
    },
    async (request) => {
      await callers.require(request, { roles: READERS });
      const template = await templates.find(request.params.name, fallbackChain(request.body.locale ?? LOCALE_DEFAULT));
      if (template === undefined) throw templateNotFound();
      const { subject, text, html } = template;
      return renderer.render({ subject, text, ...(html === undefined ? {} : { html }) }, request.body.data ?? {});
    },
  );
}

function addMessageRoutes(app: ServiceApp, { notifications, callers }: NotificationRoutesOptions): void {
  const tags = ['notifications'];
  app.post(
    '/api/notifications',
    {
      schema: {
        tags,
        security,
        body: NotificationRequestSchema,
        response: { 202: AcceptedSchema, ...problemResponses(401, 403, 404, 413, 415, 503) },
      },
    },
    async (request, reply) => {
      await callers.require(request, { roles: SENDERS });
      const { key, to, locale = LOCALE_DEFAULT, data = {}, template, subject, text } = request.body;
      const content = template === undefined ? { subject: subject ?? '', text: text ?? '' } : { template };
      if (template === undefined ? subject === undefined || text === undefined : subject !== undefined || text !== undefined) {
        throw new NoaError('VALIDATION_FAILED', { message: 'Give either a template, or a subject and a text', httpStatus: 400 });
      }
      const message = await notifications.submit({ key, to, locale, data, content });
      reply.code(202).header('location', `/api/notifications/${message.id}`);
      return { id: message.id, state: message.state };
    },
  );
  app.get(
    '/api/notifications/:id',
    {
      schema: {
        tags,
        security,
        params: Type.Object({ id: UserIdSchema }),
        response: { 200: NotificationSchema, ...problemResponses(401, 403, 404) },
      },
    },
    async (request) => {
      await callers.require(request, { roles: [...READERS, 'service'] });
      const { message, events } = await notifications.find(request.params.id);
      const { id, key, channel, recipient, subject, state, attempts, createdAt } = message;
      return { id, key, channel, recipient, subject, state, attempts, createdAt, timeline: events };
    },
  );
}

function addSinkRoute(app: ServiceApp, { sink, callers }: NotificationRoutesOptions): void {
  app.get(
    '/api/notifications/sink/messages',
    { schema: { tags: ['sink'], security, querystring: SinkQuerySchema, response: { 200: SinkPageSchema, ...problemResponses(401, 403, 404) } } },
    async (request) => {
      const claims = await callers.require(request);
      if (sink === undefined) throw new NoaError('SINK_NOT_PRESENT', { message: 'Mail goes to a real server; there is no sink', httpStatus: 404 });
      const { limit = 20, to } = request.query;
      const isReader = READERS.some((role) => claims.roles?.includes(role));
      const own = claims.email?.toLowerCase();
      // Anybody else reads their own mail only.
      if (!isReader && own === undefined) throw new NoaError('FORBIDDEN', { message: 'Your roles do not allow this', httpStatus: 403 });
      const recipient = isReader ? to?.toLowerCase() : own;
      return { items: await sink.list(limit, recipient) };
    },
  );
}
