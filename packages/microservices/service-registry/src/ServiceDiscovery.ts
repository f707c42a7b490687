import { describeError, Repeater, type Clock, type Lifecycle, type Logger, type Metrics, type Random, type Stoppable } from '@noa/core';
import { mayServe, type Instance } from './Instance.ts';
import { InstanceCache } from './InstanceCache.ts';
import { LossGuard } from './LossGuard.ts';
import type { RegistryProvider } from './providers/RegistryProvider.ts';

export interface ServiceDiscoveryOptions {
  readonly provider: RegistryProvider;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** File that keeps the last list. Absent: a start without the registry begins empty. */
  readonly cachePath?: string;
}

export type InstancesListener = (service: string, instances: readonly Instance[]) => void;

/** Hints may be lost: look at least this often. Also the bound of how late an expired lease is noticed. */
const REFRESH_MS = 1_000;
/** After an outage instances need this long to register again: a default lease, and the longest pause between their tries. */
const OUTAGE_GRACE_MS = 15_000;

/**
 * What this process knows of all services, in memory and synchronous. Fail static: while the registry is gone the last
 * list stays, nobody is dropped on silence, and passive ejection looks after dead instances.
 */
export class ServiceDiscovery implements Lifecycle {
  readonly #options: ServiceDiscoveryOptions;
  readonly #cache: InstanceCache | undefined;
  readonly #byService = new Map<string, readonly Instance[]>();
  readonly #listeners = new Set<InstancesListener>();
  readonly #refresher: Repeater;
  #watch: Stoppable | undefined;
  #signature = '';
  #lastReadMs: number;
  readonly #guard = new LossGuard();
  #outageEndedMs = -Infinity;
  #isFailing = false;

  constructor(options: ServiceDiscoveryOptions) {
    this.#options = options;
    this.#cache = options.cachePath === undefined ? undefined : new InstanceCache(options.cachePath);
    this.#lastReadMs = options.clock.monotonicMs();
    this.#refresher = new Repeater({
      clock: options.clock,
      intervalMs: REFRESH_MS,
      run: () => this.#refresh(),
      onError: (error) => this.#onFailure(error),
    });
    options.metrics.observableGauge('registry_stale_seconds', 'Age of the list of instances', () => this.staleMs / 1_000);
  }

  /** Resolves with a first list: the registry's, or the cached one when the registry does not answer. */
  async start(): Promise<void> {
    try {
      await this.#refresh();
    } catch (error) {
      this.#onFailure(error);
      const cached = (await this.#cache?.read()) ?? [];
      this.#options.logger.warn({ instances: cached.length }, 'starting from the cached list of instances: the registry does not answer');
      this.#publish(cached);
    }
    this.#watch = this.#options.provider.watch(() => this.#refresher.trigger());
    this.#refresher.start({ delayFirst: true });
  }

  async stop(): Promise<void> {
    await this.#watch?.stop();
    await this.#refresher.stop();
  }

  /** Instances that may get requests: not in maintenance, not critical. */
  instances(service: string): readonly Instance[] {
    return this.#byService.get(service) ?? [];
  }

  services(): string[] {
    return [...this.#byService.keys()].toSorted();
  }

  /** Calls `listener` with each service now known, and at each true change from then on. */
  onChange(listener: InstancesListener): Stoppable {
    this.#listeners.add(listener);
    for (const [service, instances] of this.#byService) listener(service, instances);
    return { stop: async () => void this.#listeners.delete(listener) };
  }

  /** Time since the registry was last read. */
  get staleMs(): number {
    return this.#options.clock.monotonicMs() - this.#lastReadMs;
  }

  async #refresh(): Promise<void> {
    const { provider, clock, logger } = this.#options;
    const { instances } = await provider.list();
    this.#lastReadMs = clock.monotonicMs();
    if (this.#isFailing) {
      this.#outageEndedMs = this.#lastReadMs;
      logger.info({}, 'the registry answers again');
    }
    this.#isFailing = false;
    const believed = this.#withSuspects(instances);
    const signature = JSON.stringify(believed);
    if (signature === this.#signature) return;
    this.#signature = signature;
    this.#publish(believed);
    await this.#cache
      ?.write(believed)
      .catch((error: unknown) => logger.warn({ reason: describeError(error) }, 'the list of instances could not be cached'));
  }

  /** The registry's list, and while a sudden loss of many instances is taken for the registry's fault, the lost ones too. */
  #withSuspects(next: readonly Instance[]): readonly Instance[] {
    const { logger, metrics } = this.#options;
    const nowMs = this.#lastReadMs;
    const known = [...this.#byService.values()].flat();
    const { kept, begun } = this.#guard.judge({ known, next, nowMs, isAfterOutage: nowMs - this.#outageEndedMs < OUTAGE_GRACE_MS });
    if (begun.length > 0) {
      metrics.counter('registry_mass_death_total', 'Times many instances vanished at once and the last list was kept').add();
      logger.warn(
        { services: begun, known: known.length, kept: kept.length },
        'many instances vanished at once; keeping them on the list and relying on passive ejection',
      );
    }
    return kept.length === 0 ? next : [...next, ...kept].toSorted((a, b) => (a.id < b.id ? -1 : 1));
  }

  #publish(instances: readonly Instance[]): void {
    const next = new Map<string, Instance[]>();
    for (const instance of instances) {
      if (!mayServe(instance)) continue;
      const list = next.get(instance.service);
      if (list === undefined) next.set(instance.service, [instance]);
      else list.push(instance);
    }
    for (const service of new Set([...this.#byService.keys(), ...next.keys()])) {
      const before = this.#byService.get(service) ?? [];
      const after = next.get(service) ?? [];
      if (JSON.stringify(before) === JSON.stringify(after)) continue;
      if (after.length === 0) this.#byService.delete(service);
      else this.#byService.set(service, after);
      for (const listener of this.#listeners) this.#tell(listener, service, after);
    }
  }

  /** One listener's failure must not keep the news from the others. */
  #tell(listener: InstancesListener, service: string, instances: readonly Instance[]): void {
    try {
      listener(service, instances);
    } catch (error) {
      this.#options.logger.error({ err: error, service }, 'a listener of discovery failed');
    }
  }

  #onFailure(error: unknown): void {
    if (!this.#isFailing) this.#options.logger.warn({ reason: describeError(error) }, 'the registry does not answer; keeping the last list');
    this.#isFailing = true;
  }
}
