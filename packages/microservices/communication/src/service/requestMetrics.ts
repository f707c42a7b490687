import type { Clock, Metrics } from '@noa/core';
import type { ServiceApp } from './ServiceDefinition.ts';

/** http_requests_total, http_request_duration_seconds and http_requests_in_progress, labelled by route pattern, never by path. */
export function useRequestMetrics(app: ServiceApp, options: { metrics: Metrics; clock: Clock }): void {
  const { metrics, clock } = options;
  const total = metrics.counter('http_requests_total', 'HTTP requests answered', ['method', 'route', 'status']);
  const duration = metrics.histogram('http_request_duration_seconds', 'Time from request head to response end', ['method', 'route']);
  const startedMs = new WeakMap<object, number>();
  let inProgress = 0;
  metrics.observableGauge('http_requests_in_progress', 'HTTP requests being answered', () => inProgress);
  app.addHook('onRequest', (request, _reply, done) => {
    inProgress += 1;
    startedMs.set(request, clock.monotonicMs());
    done();
  });
  const finish = (request: object): number | undefined => {
    const started = startedMs.get(request);
    if (started === undefined) return undefined;
    startedMs.delete(request);
    inProgress -= 1;
    return (clock.monotonicMs() - started) / 1_000;
  };
  app.addHook('onResponse', (request, reply, done) => {
    const seconds = finish(request);
    const labels = { method: request.method, route: request.routeOptions.url ?? 'none' };
    total.add({ ...labels, status: String(reply.statusCode) });
    if (seconds !== undefined) duration.observe(seconds, labels);
    done();
  });
  app.addHook('onRequestAbort', (request, done) => {
    finish(request);
    done();
  });
}
