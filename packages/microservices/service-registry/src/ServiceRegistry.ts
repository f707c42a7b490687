import { fullJitterMs, type Clock, type Lifecycle, type Logger, type Random, type Stoppable, type Timer } from '@noa/core';
import type { Instance, InstanceStatus } from './Instance.ts';
import type { RegistryProvider } from './providers/RegistryProvider.ts';

export interface ServiceRegistryOptions {
  readonly provider: RegistryProvider;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** How long the registry believes in a silent instance. Default 9000. */
  readonly leaseMs?: number;
}

/** An instance that is being announced; `stop` takes it out. */
export interface Announcement extends Stoppable {
  /** Rejects when the registry does not answer; the status is then told with the next renewal that gets through. */
  setStatus(status: InstanceStatus): Promise<void>;
}

const LEASE_MS_DEFAULT = 9_000;
/** Two renewals may be lost before a lease runs out. */
const RENEWALS_PER_LEASE = 3;
const RETRY = { baseMs: 200, capMs: 3_000 };

/** Announces instances of this process and keeps their leases, through outages of the registry. */
export class ServiceRegistry implements Lifecycle {
  readonly #options: ServiceRegistryOptions;
  readonly #announced = new Set<AnnouncedInstance>();

  constructor(options: ServiceRegistryOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    await Promise.all([...this.#announced].map((instance) => instance.stop()));
  }

  /** Registers `instance`; resolves when the registry has it. On a read-only provider it is a no-op: the list is fixed. */
  async announce(instance: Instance): Promise<Announcement> {
    const announced = new AnnouncedInstance(instance, this.#options, () => this.#announced.delete(announced));
    this.#announced.add(announced);
    try {
      if (this.#options.provider.capabilities.registration) await announced.start();
    } catch (error) {
      this.#announced.delete(announced);
      throw error;
    }
    return announced;
  }
}

class AnnouncedInstance implements Announcement {
  readonly #options: ServiceRegistryOptions;
  readonly #onStop: () => void;
  readonly #leaseMs: number;
  #instance: Instance;
  #timer: Timer | undefined;
  #failures = 0;
  #isStopped = false;
  #stopping: Promise<void> | undefined;
  /** The registry may have another status than ours. */
  #isStatusUntold = false;
  /** Calls go one after the other: a registration that overtakes a deregistration would come back from the dead. */
  #calls: Promise<unknown> = Promise.resolve();

  constructor(instance: Instance, options: ServiceRegistryOptions, onStop: () => void) {
    this.#instance = instance;
    this.#options = options;
    this.#onStop = onStop;
    this.#leaseMs = options.leaseMs ?? LEASE_MS_DEFAULT;
  }

  async start(): Promise<void> {
    await this.#inTurn(() => this.#options.provider.register(this.#instance, { leaseMs: this.#leaseMs }));
    if (!this.#isStopped) this.#plan(this.#leaseMs / RENEWALS_PER_LEASE);
  }

  async setStatus(status: InstanceStatus): Promise<void> {
    this.#instance = { ...this.#instance, status };
    if (!this.#options.provider.capabilities.registration) return;
    this.#isStatusUntold = true;
    await this.#inTurn(() => this.#keep());
  }

  async stop(): Promise<void> {
    this.#stopping ??= this.#leave();
    await this.#stopping;
  }

  async #leave(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#onStop();
    const { provider, logger } = this.#options;
    if (!provider.capabilities.registration) return;
    await this.#inTurn(() => provider.deregister(this.#instance.id)).catch((error: unknown) => {
      // A registry that is gone forgets us by the lease; that must not hold up a stop.
      logger.warn({ err: error }, 'the instance could not be deregistered');
    });
  }

  #plan(delayMs: number): void {
    this.#timer = this.#options.clock.schedule(delayMs, () => void this.#beat(), { keepAlive: false });
  }

  async #beat(): Promise<void> {
    const { logger, random } = this.#options;
    let pauseMs = this.#leaseMs / RENEWALS_PER_LEASE;
    try {
      await this.#inTurn(() => this.#keep());
      this.#failures = 0;
    } catch (error) {
      this.#failures += 1;
      pauseMs = Math.min(pauseMs, RETRY.baseMs + fullJitterMs(RETRY, this.#failures, random));
      if (this.#failures === 1) logger.warn({ err: error }, 'the lease could not be renewed; trying on');
    }
    if (!this.#isStopped) this.#plan(pauseMs);
  }

  /** Renews the lease, tells the status when it is not known to be told, and registers again when forgotten. */
  async #keep(): Promise<void> {
    if (this.#isStopped) return;
    const { provider, logger } = this.#options;
    const { id, status } = this.#instance;
    const isKnown = (await provider.renew(id)) && (!this.#isStatusUntold || (await provider.setStatus(id, status)));
    if (!isKnown) {
      await provider.register({ ...this.#instance, status }, { leaseMs: this.#leaseMs });
      logger.info({ instance: id }, 'registered again: the registry had forgotten this instance');
    }
    if (this.#instance.status === status) this.#isStatusUntold = false;
  }

  #inTurn(call: () => Promise<void>): Promise<void> {
    const result = this.#calls.then(call);
    this.#calls = result.catch(() => undefined);
    return result;
  }
}
