import type { Stoppable } from '@noa/core';

/** One instance taken for one attempt. */
export interface PickedUpstream {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  /** Gives it back, once. `ok` undefined says nothing about the instance: the client left, or asked for too little time. */
  release(result: { ok: boolean | undefined; latencyMs: number }): void;
}

/** An instance as the gateway sees it, for operators. */
export interface UpstreamState {
  readonly service: string;
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly version: string;
  readonly status: string;
  /** `closed`, `open` or `half-open`. */
  readonly breaker: string;
  readonly inFlight: number;
  readonly latencyMs: number | undefined;
  readonly isEjected: boolean;
}

/** Where attempts go. */
export interface Upstreams {
  /** An instance that may be asked now, not one of `tried`; undefined when there is none. */
  acquire(service: string, tried: ReadonlySet<string>): PickedUpstream | undefined;
  /** May the service be asked once more for a request that has failed? Counts against its retry budget. */
  takeRetry(service: string): boolean;
  /** A request that counts for the retry budget of its service. */
  noteRequest(service: string): void;
  onChange(listener: (service: string) => void): Stoppable;
  list(): UpstreamState[];
}
