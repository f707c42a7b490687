import type { Stoppable } from '@noa/core';
import type { RegistryCapabilities } from '../capabilities.ts';
import type { Instance, InstanceStatus } from '../Instance.ts';

/** All instances at one revision. */
export interface RegistrySnapshot {
  readonly instances: readonly Instance[];
  /** Opaque: equal revisions of one provider are equal lists. */
  readonly revision: string;
}

/** An outside system that knows who runs. The engine is the truth; a watch only says when to look. */
export interface RegistryProvider extends Stoppable {
  readonly capabilities: RegistryCapabilities;
  start(): Promise<void>;
  /** Adds or replaces the instance; it disappears when not renewed within `leaseMs`. Idempotent. */
  register(instance: Instance, options: { leaseMs: number }): Promise<void>;
  /** Extends the lease. @returns false when the instance is unknown (expired): register it again. */
  renew(id: string): Promise<boolean>;
  /** Tells everyone the instance's state. @returns false when the instance is unknown: register it again. */
  setStatus(id: string, status: InstanceStatus): Promise<boolean>;
  /** Takes the instance out; an unknown one is no error. */
  deregister(id: string): Promise<void>;
  /** Instances whose lease holds, ordered by id, byte by byte. */
  list(): Promise<RegistrySnapshot>;
  /** Calls `onHint` whenever the list may have changed, and after each reconnect. Hints may be lost. */
  watch(onHint: () => void): Stoppable;
}
