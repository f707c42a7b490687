import { Type } from 'typebox';
import type { Metrics } from '@noa/core';
import type { Health } from './Health.ts';
import type { ServiceApp } from './ServiceDefinition.ts';

const HealthSchema = Type.Object({
  status: Type.Union([Type.Literal('passing'), Type.Literal('failing'), Type.Literal('draining'), Type.Literal('starting')]),
  checks: Type.Array(
    Type.Object({ name: Type.String(), isPassing: Type.Boolean(), durationMs: Type.Integer(), reason: Type.Optional(Type.String()) }),
  ),
});
const AliveSchema = Type.Object({ status: Type.Literal('passing') });
const StartedSchema = Type.Object({ status: Type.Union([Type.Literal('passing'), Type.Literal('starting')]) });

/** /health, /health/live, /health/ready, /health/startup and /metrics. */
export function addHealthRoutes(app: ServiceApp, health: Health, metrics: Metrics): void {
  for (const path of ['/health', '/health/ready']) {
    app.get(path, { schema: { tags: ['health'], response: { 200: HealthSchema, 503: HealthSchema } } }, async (_request, reply) => {
      const report = await health.report();
      reply.code(report.status === 'passing' ? 200 : 503);
      return { status: report.status, checks: [...report.checks] };
    });
  }
  app.get('/health/live', { schema: { tags: ['health'], response: { 200: AliveSchema } } }, () => ({ status: 'passing' as const }));
  app.get('/health/startup', { schema: { tags: ['health'], response: { 200: StartedSchema, 503: StartedSchema } } }, (_request, reply) => {
    reply.code(health.isStarted ? 200 : 503);
    return { status: health.isStarted ? ('passing' as const) : ('starting' as const) };
  });
  app.get('/metrics', { schema: { hide: true } }, async (_request, reply) => {
    reply.type(metrics.contentType);
    return metrics.render();
  });
}
