import { BreakerState, CircuitBreaker, RetryBudget } from '@noa/communication';
import { UpstreamSet, type Instance, type InstancesListener, type UpstreamLease } from '@noa/service-registry';
import type { Clock, Gauge, Logger, Metrics, Random, Stoppable } from '@noa/core';
import type { PickedUpstream, Upstreams, UpstreamState } from './Upstreams.ts';

/** What the gateway needs of service discovery; `ServiceDiscovery` fits. */
export interface DiscoverySource {
  instances(service: string): readonly Instance[];
  services(): readonly string[];
  /** Calls at once with what is known, then with each change. */
  onChange(listener: InstancesListener): Stoppable;
}

export interface DiscoveredUpstreamsOptions {
  readonly discovery: DiscoverySource;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Shorter than the wait for a restarted instance, so that one back at its old address is found within it. */
const BREAKER_OPEN_MS = 1_000;

/** One service as the gateway sees it. */
interface ServiceUpstreams {
  readonly set: UpstreamSet;
  readonly budget: RetryBudget;
  /** By id and address: an instance that restarted elsewhere starts with a closed one. */
  readonly breakers: Map<string, CircuitBreaker>;
}

/** Instances from the registry, each with its own breaker; one balancer and one retry budget per service. */
export class DiscoveredUpstreams implements Upstreams, Stoppable {
  readonly #options: DiscoveredUpstreamsOptions;
  readonly #services = new Map<string, ServiceUpstreams>();
  readonly #openGauge: Gauge;
  readonly #watch: Stoppable;
  readonly #listeners = new Set<(service: string) => void>();

  constructor(options: DiscoveredUpstreamsOptions) {
    this.#options = options;
    this.#openGauge = options.metrics.gauge('gateway_breakers_open', 'Instances that are not asked because they failed', ['service']);
    this.#watch = options.discovery.onChange((service, instances) => this.#onChange(service, instances));
  }

  async stop(): Promise<void> {
    await this.#watch.stop();
    await Promise.all([...this.#services.values()].map((service) => service.set.stop()));
  }

  acquire(name: string, tried: ReadonlySet<string>): PickedUpstream | undefined {
    const service = this.#service(name);
    const excluded = new Set(tried);
    for (;;) {
      const lease = service.set.acquire({ exclude: excluded });
      if (lease === undefined) return undefined;
      const breaker = this.#breaker(service, lease.instance);
      if (breaker.allow()) return this.#picked(name, service, lease, breaker);
      lease.cancel();
      excluded.add(lease.instance.id);
    }
  }

  noteRequest(name: string): void {
    this.#service(name).budget.deposit();
  }

  takeRetry(name: string): boolean {
    return this.#service(name).budget.withdraw();
  }

  onChange(listener: (service: string) => void): Stoppable {
    this.#listeners.add(listener);
    return { stop: async () => void this.#listeners.delete(listener) };
  }

  list(): UpstreamState[] {
    return this.#options.discovery.services().flatMap((name) => {
      const service = this.#service(name);
      const reports = new Map(service.set.report().map((report) => [report.id, report]));
      return this.#options.discovery.instances(name).map((instance) => {
        const report = reports.get(instance.id);
        const { id, host, port, version, status } = instance;
        return {
          service: name,
          id,
          host,
          port,
          version,
          status,
          breaker: service.breakers.get(keyOf(instance))?.state ?? BreakerState.Closed,
          inFlight: report?.inFlight ?? 0,
          latencyMs: report?.latencyMs,
          isEjected: report?.isEjected ?? false,
        };
      });
    });
  }

  #picked(name: string, service: ServiceUpstreams, lease: UpstreamLease, breaker: CircuitBreaker): PickedUpstream {
    const { id, host, port } = lease.instance;
    // An answer to a request from before the breaker opened is no probe's.
    const startedMs = this.#options.clock.monotonicMs();
    return {
      id,
      host,
      port,
      release: ({ ok, latencyMs }) => {
        if (ok === undefined) {
          breaker.forget(startedMs);
          lease.cancel();
          return;
        }
        const before = breaker.state;
        breaker.record(ok, startedMs);
        lease.release({ ok, latencyMs });
        if (breaker.state === before) return;
        this.#noteBreakers(name, service);
        this.#options.logger.warn({ service: name, instance: id, from: before, to: breaker.state }, 'a breaker changed its state');
      },
    };
  }

  /** Made when a route or the registry first names the service; bounded by the number of rules. */
  #service(name: string): ServiceUpstreams {
    let service = this.#services.get(name);
    if (service === undefined) {
      const { clock } = this.#options;
      service = { set: new UpstreamSet({ ...this.#options, service: name }), budget: new RetryBudget({ clock }), breakers: new Map() };
      this.#services.set(name, service);
    }
    return service;
  }

  #breaker(service: ServiceUpstreams, instance: Instance): CircuitBreaker {
    const key = keyOf(instance);
    let breaker = service.breakers.get(key);
    if (breaker === undefined) {
      breaker = new CircuitBreaker({ clock: this.#options.clock, openMs: BREAKER_OPEN_MS, successesToClose: 1 });
      service.breakers.set(key, breaker);
    }
    return breaker;
  }

  #onChange(name: string, instances: readonly Instance[]): void {
    const service = this.#services.get(name);
    const keys = new Set(instances.map(keyOf));
    for (const key of service?.breakers.keys() ?? []) if (!keys.has(key)) service?.breakers.delete(key);
    if (service !== undefined) this.#noteBreakers(name, service);
    // The balancer of the service listens too; whoever waits must ask it after it has heard.
    queueMicrotask(() => {
      for (const listener of this.#listeners) listener(name);
    });
  }

  #noteBreakers(name: string, service: ServiceUpstreams): void {
    const open = [...service.breakers.values()].filter((breaker) => breaker.state !== BreakerState.Closed).length;
    this.#openGauge.set(open, { service: name });
  }
}

function keyOf(instance: Instance): string {
  return `${instance.id}@${instance.host}:${instance.port}`;
}
