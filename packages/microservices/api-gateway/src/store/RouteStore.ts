import type { Stoppable } from '@noa/core';
import type { RouteDeclaration } from '@noa/contracts';

/** Keeps the operators' rules over restarts and shares them between gateways. Without one they live in memory only. */
export interface RouteStore extends Stoppable {
  /** Makes the store usable; may be called again after a failure. */
  start(): Promise<void>;
  /** All rules, oldest first. */
  load(): Promise<RouteDeclaration[]>;
  save(route: RouteDeclaration): Promise<void>;
  /** False when there was none. */
  remove(id: string): Promise<boolean>;
  /** `onChange` is a hint to load again: after each (re)connection and each change by any gateway. */
  watch(onChange: () => void): Stoppable;
}
