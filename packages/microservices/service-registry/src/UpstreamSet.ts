import type { Clock, Logger, Metrics, Random, Stoppable } from '@noa/core';
import type { BalancerName } from './balancing/Balancer.ts';
import { createBalancer } from './balancing/createBalancer.ts';
import { HeldUpstream, type Outcome, type Pick, type UpstreamLease } from './balancing/HeldUpstream.ts';
import { Upstream } from './balancing/Upstream.ts';
import type { Instance } from './Instance.ts';
import type { InstancesListener } from './ServiceDiscovery.ts';

export interface UpstreamSetOptions {
  readonly service: string;
  readonly discovery: { onChange(listener: InstancesListener): Stoppable };
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Default `p2c-ewma`. */
  readonly balancer?: BalancerName;
}

/** One instance as the admin API shows it. */
export interface UpstreamReport {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly inFlight: number;
  readonly latencyMs: number;
  readonly consecutiveFailures: number;
  readonly isEjected: boolean;
}

/** How the next pick would go. */
export interface UpstreamExplanation {
  readonly service: string;
  readonly balancer: BalancerName;
  /** So few are left that ejection is ignored. */
  readonly isPanic: boolean;
  /** Every instance with what it has coming: a candidate, one in slow start, or left out and for how long. */
  readonly instances: readonly (UpstreamReport & { readonly standing: string })[];
}

/** Defaults of Envoy's outlier detection. */
const FAILURES_TO_EJECT = 5;
const EJECT_BASE_MS = 30_000;
const EJECT_MAX_MS = 300_000;
/** Share that may be ejected at once, though one always may when there are others. */
const EJECT_RATIO_MAX = 0.1;
/** With fewer instances left than this share, ejection is ignored: better a slow answer than a mob on the last one. */
const PANIC_RATIO = 0.5;

/**
 * What one process knows of a service's instances: in flight, latency, failures; picks one per request. Passive health:
 * an instance that fails often in a row is left out for a while, however healthy the registry thinks it is.
 */
export class UpstreamSet implements Stoppable {
  readonly service: string;
  readonly #options: UpstreamSetOptions;
  readonly #balancer: ReturnType<typeof createBalancer>;
  readonly #watch: Stoppable;
  #upstreams: readonly Upstream[] = [];
  /** From then on nobody is ejected. */
  #ejectionsUntilMs = 0;
  #isFirstList = true;
  readonly #waiters = new Set<() => void>();

  constructor(options: UpstreamSetOptions) {
    this.service = options.service;
    this.#options = options;
    this.#balancer = createBalancer(options.balancer ?? 'p2c-ewma', options);
    this.#watch = options.discovery.onChange((service, instances) => {
      if (service === this.service) this.#update(instances);
    });
    this.#isFirstList = false;
  }

  stop(): Promise<void> {
    return this.#watch.stop();
  }

  get size(): number {
    return this.#upstreams.length;
  }

  /** @param options.exclude - instance ids already tried. @returns undefined when none is left. */
  acquire(options: { exclude?: ReadonlySet<string> } = {}): UpstreamLease | undefined {
    const { exclude } = options;
    const untried =
      exclude === undefined || exclude.size === 0 ? this.#upstreams : this.#upstreams.filter((upstream) => !exclude.has(upstream.instance.id));
    if (untried.length === 0) return undefined;
    const nowMs = this.#options.clock.monotonicMs();
    // Hardly ever is one ejected: no second list for nothing.
    const healthy = nowMs >= this.#ejectionsUntilMs ? untried : untried.filter((upstream) => upstream.ejectedUntilMs <= nowMs);
    const isPanic = healthy.length < untried.length * PANIC_RATIO;
    const candidates = isPanic ? untried : healthy;
    const upstream = this.#balancer.pick(candidates) as Upstream;
    const pick = { balancer: this.#balancer.name, candidates: candidates.length, known: this.#upstreams.length, isPanic, atMs: nowMs };
    return new HeldUpstream(upstream, pick, this.#onOutcome);
  }

  /** Resolves when the list of instances next changes, or the signal aborts. */
  changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#waiters.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      if (signal.aborted) return resolve();
      this.#waiters.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  report(): UpstreamReport[] {
    const nowMs = this.#options.clock.monotonicMs();
    return this.#upstreams.map((upstream) => ({
      id: upstream.instance.id,
      host: upstream.instance.host,
      port: upstream.instance.port,
      inFlight: upstream.inFlight,
      latencyMs: Math.round(upstream.latencyMs() * 100) / 100,
      consecutiveFailures: upstream.consecutiveFailures,
      isEjected: upstream.ejectedUntilMs > nowMs,
    }));
  }

  /** Why the next request may go where, without sending one. */
  explain(): UpstreamExplanation {
    const nowMs = this.#options.clock.monotonicMs();
    const reports = this.report();
    const healthy = reports.filter(({ isEjected }) => !isEjected).length;
    const isPanic = healthy < reports.length * PANIC_RATIO;
    const instances = this.#upstreams.map((upstream, index) => ({ ...reports[index]!, standing: standingOf(upstream, nowMs, isPanic) }));
    return { service: this.service, balancer: this.#balancer.name, isPanic, instances };
  }

  readonly #onOutcome = (upstream: Upstream, outcome: Outcome, pick: Pick): void => {
    const latencyMs = Number.isFinite(outcome.latencyMs) ? outcome.latencyMs : this.#options.clock.monotonicMs() - pick.atMs;
    upstream.record(outcome.ok, latencyMs);
    this.#judge(upstream, outcome.ok);
  };

  #judge(upstream: Upstream, ok: boolean): void {
    const { clock, logger, metrics } = this.#options;
    if (ok) {
      upstream.consecutiveFailures = 0;
      return;
    }
    const nowMs = clock.monotonicMs();
    // Requests that began before the ejection prove nothing about the time after it.
    if (upstream.ejectedUntilMs > nowMs) return;
    upstream.consecutiveFailures += 1;
    if (upstream.consecutiveFailures < FAILURES_TO_EJECT || this.#upstreams.length < 2) return;
    const ejected = this.#upstreams.filter((other) => other.ejectedUntilMs > nowMs).length;
    if (ejected >= Math.max(1, Math.floor(this.#upstreams.length * EJECT_RATIO_MAX))) return;
    // Good time makes up for old ejections, or one failure a day would add up to the longest pause.
    const forgiven = upstream.ejections === 0 ? 0 : Math.floor((nowMs - upstream.ejectedUntilMs) / EJECT_BASE_MS);
    upstream.ejections = Math.max(0, upstream.ejections - forgiven) + 1;
    upstream.consecutiveFailures = 0;
    upstream.ejectedUntilMs = nowMs + Math.min(EJECT_BASE_MS * upstream.ejections, EJECT_MAX_MS);
    this.#ejectionsUntilMs = Math.max(this.#ejectionsUntilMs, upstream.ejectedUntilMs);
    metrics.counter('upstream_ejections_total', 'Instances left out after failures in a row', ['service']).add({ service: this.service });
    logger.warn(
      { service: this.service, instance: upstream.instance.id, ejections: upstream.ejections },
      'ejected an instance after failures in a row',
    );
  }

  /** Keeps the measured load of those that stay. A restarted instance (same id, other address) starts afresh. */
  #update(instances: readonly Instance[]): void {
    const known = new Map(this.#upstreams.map((upstream) => [upstream.instance.id, upstream]));
    this.#upstreams = instances.map((instance) => {
      const upstream = known.get(instance.id);
      if (upstream === undefined || upstream.instance.host !== instance.host || upstream.instance.port !== instance.port) {
        return new Upstream(instance, this.#options.clock, this.#isFirstList || known.size === 0);
      }
      upstream.instance = instance;
      return upstream;
    });
    for (const wake of this.#waiters) wake();
  }
}

function standingOf(upstream: Upstream, nowMs: number, isPanic: boolean): string {
  const leftMs = upstream.ejectedUntilMs - nowMs;
  if (leftMs > 0 && !isPanic) return `left out for ${Math.ceil(leftMs)} ms more: failures in a row, ejection ${upstream.ejections}`;
  const candidate = leftMs > 0 ? 'candidate though ejected (panic)' : 'candidate';
  const warmth = upstream.warmth();
  return warmth < 1 ? `${candidate}, at ${Math.round(warmth * 100)} % of a share (slow start)` : candidate;
}
