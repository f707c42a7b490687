import { fullJitterMs, isNoaError, type Clock, type Lifecycle, type Logger, type Random, type Stoppable, type Timer } from '@noa/core';
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
    if (this.#options.provider.capabilities.registration) await announced.start();
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
  #beating: Promise<void> | undefined;

  constructor(instance: Instance, options: ServiceRegistryOptions, onStop: () => void) {
    this.#instance = instance;
    this.#options = options;
    this.#onStop = onStop;
    this.#leaseMs = options.leaseMs ?? LEASE_MS_DEFAULT;
  }

  async start(): Promise<void> {
    await this.#options.provider.register(this.#instance, { leaseMs: this.#leaseMs });
    this.#plan(this.#leaseMs / RENEWALS_PER_LEASE);
  }

  async setStatus(status: InstanceStatus): Promise<void> {
    this.#instance = { ...this.#instance, status };
    const { provider } = this.#options;
    if (!provider.capabilities.registration) return;
    if (!(await provider.setStatus(this.#instance.id, status))) await provider.register(this.#instance, { leaseMs: this.#leaseMs });
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#onStop();
    await this.#beating;
    const { provider, logger } = this.#options;
    if (!provider.capabilities.registration) return;
    // A registry that is gone forgets us by the lease; that must not hold up a stop.
    await provider.deregister(this.#instance.id).catch((error: unknown) => logger.warn({ err: error }, 'the instance could not be deregistered'));
  }

  #plan(delayMs: number): void {
    this.#timer = this.#options.clock.schedule(delayMs, () => (this.#beating = this.#beat()), { keepAlive: false });
  }

  async #beat(): Promise<void> {
    const { provider, logger, random } = this.#options;
    let pauseMs = this.#leaseMs / RENEWALS_PER_LEASE;
    try {
      if (!(await provider.renew(this.#instance.id))) {
        await provider.register(this.#instance, { leaseMs: this.#leaseMs });
        logger.info({ instance: this.#instance.id }, 'registered again: the registry had forgotten this instance');
      }
      this.#failures = 0;
    } catch (error) {
      this.#failures += 1;
      pauseMs = fullJitterMs(RETRY, this.#failures, random);
      if (this.#failures === 1) logger.warn({ err: error, isUnavailable: isNoaError(error) }, 'the lease could not be renewed; trying on');
    }
    if (!this.#isStopped) this.#plan(pauseMs);
  }
}
