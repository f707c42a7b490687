import { collectDefaultMetrics, Counter as PromCounter, Gauge as PromGauge, Histogram as PromHistogram, Registry } from 'prom-client';

export type Labels = Readonly<Record<string, string>>;

export interface Counter {
  /** @param amount - >= 0, default 1. */
  add(labels?: Labels, amount?: number): void;
}

export interface Gauge {
  set(value: number, labels?: Labels): void;
}

export interface Histogram {
  /** Seconds for durations, bytes for sizes: Prometheus' base units. */
  observe(value: number, labels?: Labels): void;
}

/** A process's metrics. Asking twice for one name gives the same metric. */
export interface Metrics {
  counter(name: string, help: string, labelNames?: readonly string[]): Counter;
  gauge(name: string, help: string, labelNames?: readonly string[]): Gauge;
  histogram(name: string, help: string, labelNames?: readonly string[], buckets?: readonly number[]): Histogram;
  /** A gauge read at scrape time. */
  observableGauge(name: string, help: string, read: () => number): void;
  /** Prometheus text exposition. */
  render(): Promise<string>;
  readonly contentType: string;
}

/** Buckets for request durations in seconds, dense around the published objectives (50 ms, 500 ms, 1 s). */
export const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

/** Metrics on prom-client. `withProcess` adds CPU, memory and event-loop figures (once per process). */
export function createMetrics(options: { labels?: Labels; withProcess?: boolean } = {}): Metrics {
  const registry = new Registry();
  if (options.labels !== undefined) registry.setDefaultLabels(options.labels);
  if (options.withProcess) collectDefaultMetrics({ register: registry });
  return new PromMetrics(registry);
}

class PromMetrics implements Metrics {
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  counter(name: string, help: string, labelNames: readonly string[] = []): Counter {
    const existing = this.#registry.getSingleMetric(name) as PromCounter | undefined;
    const metric = existing ?? new PromCounter({ name, help, labelNames: [...labelNames], registers: [this.#registry] });
    return { add: (labels, amount = 1) => metric.inc(labels ?? {}, amount) };
  }

  gauge(name: string, help: string, labelNames: readonly string[] = []): Gauge {
    const existing = this.#registry.getSingleMetric(name) as PromGauge | undefined;
    const metric = existing ?? new PromGauge({ name, help, labelNames: [...labelNames], registers: [this.#registry] });
    return { set: (value, labels) => metric.set(labels ?? {}, value) };
  }

  histogram(name: string, help: string, labelNames: readonly string[] = [], buckets: readonly number[] = DURATION_BUCKETS): Histogram {
    const existing = this.#registry.getSingleMetric(name) as PromHistogram | undefined;
    const metric = existing ?? new PromHistogram({ name, help, labelNames: [...labelNames], buckets: [...buckets], registers: [this.#registry] });
    return { observe: (value, labels) => metric.observe(labels ?? {}, value) };
  }

  observableGauge(name: string, help: string, read: () => number): void {
    if (this.#registry.getSingleMetric(name) !== undefined) return;
    const gauge: PromGauge = new PromGauge({ name, help, registers: [this.#registry], collect: (): void => gauge.set(read()) });
  }

  render(): Promise<string> {
    return this.#registry.metrics();
  }
}
