import type { Clock, Counter, Histogram, Metrics } from '@noa/core';
import type { ExchangeResult } from './engine/HTTPEngine.ts';

/** One exchange being measured. */
export interface ExchangeObservation {
  setRoute(route: string): void;
  finished(result: ExchangeResult): void;
}

/** nginx's number for a client that left before its answer. */
const CLIENT_LEFT = '499';

/** Counts and times exchanges by route id, never by path, so that the number of series is bounded by the number of rules. */
export class ExchangeMetrics {
  readonly #clock: Clock;
  readonly #total: Counter;
  readonly #seconds: Histogram;
  readonly #broken: Counter;
  #inProgress = 0;

  constructor(metrics: Metrics, clock: Clock) {
    this.#clock = clock;
    this.#total = metrics.counter('http_requests_total', 'HTTP requests answered', ['method', 'route', 'status']);
    this.#seconds = metrics.histogram('http_request_duration_seconds', 'Time from request head to response end', ['method', 'route']);
    this.#broken = metrics.counter('gateway_responses_broken_total', 'Responses that broke off', ['route']);
    metrics.observableGauge('http_requests_in_progress', 'HTTP requests being answered', () => this.#inProgress);
  }

  begin(method: string): ExchangeObservation {
    const startedMs = this.#clock.monotonicMs();
    let route = 'none';
    this.#inProgress += 1;
    return {
      setRoute: (id) => {
        route = id;
      },
      finished: ({ status, isComplete }) => {
        this.#inProgress -= 1;
        this.#total.add({ method, route, status: status === 0 ? CLIENT_LEFT : String(status) });
        this.#seconds.observe((this.#clock.monotonicMs() - startedMs) / 1_000, { method, route });
        if (!isComplete) this.#broken.add({ route });
      },
    };
  }

  /** A message that never became a request. */
  refused(status: number): void {
    this.#total.add({ method: 'none', route: 'refused', status: String(status) });
  }
}
