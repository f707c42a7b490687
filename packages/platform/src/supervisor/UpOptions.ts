import type { TopologyName } from '../data/SystemState.ts';

/** What `noa up` was asked for. */
export interface UpOptions {
  readonly dataPath: string;
  readonly topology: TopologyName;
  /** The gateway's port; the others follow at fixed distances. */
  readonly portBase: number;
  /** Shards of the embedded engine; undefined keeps what the data folder has (2 at first). */
  readonly shards?: number;
}

/** A step of the start, for people who wait. */
export interface Progress {
  readonly step: string;
  readonly status: 'begun' | 'done';
  readonly durationMs?: number;
}
