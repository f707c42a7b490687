import type { Instance } from '../Instance.ts';
import type { Upstream } from './Upstream.ts';

/** How a request to an instance ended. */
export interface Outcome {
  /** False for what speaks against the instance: no connection, reset, time-out, 502-504. A 4xx or 500 of its own is true. */
  readonly ok: boolean;
  readonly latencyMs: number;
}

/** The right to send one request to an instance; must be given back, and only the first time counts. */
export interface UpstreamLease {
  readonly instance: Instance;
  /** Why this one: for traces and `explain`. */
  readonly reason: string;
  release(outcome: Outcome): void;
  /** Gives the lease back unused: says nothing about the instance. */
  cancel(): void;
}

/** Among whom an instance was picked. */
export interface Pick {
  readonly balancer: string;
  readonly candidates: number;
  readonly known: number;
  readonly isPanic: boolean;
  readonly atMs: number;
}

/** A lease on an `Upstream`. The reason is written only when somebody asks: most requests never do. */
export class HeldUpstream implements UpstreamLease {
  readonly instance: Instance;
  readonly #upstream: Upstream;
  readonly #pick: Pick;
  readonly #onOutcome: (upstream: Upstream, outcome: Outcome, pick: Pick) => void;
  #isHeld = true;

  constructor(upstream: Upstream, pick: Pick, onOutcome: (upstream: Upstream, outcome: Outcome, pick: Pick) => void) {
    upstream.inFlight += 1;
    // Of that moment: the list may give the upstream a newer version of its instance.
    this.instance = upstream.instance;
    this.#upstream = upstream;
    this.#pick = pick;
    this.#onOutcome = onOutcome;
  }

  get reason(): string {
    const { balancer, candidates, known, isPanic } = this.#pick;
    return `${balancer} over ${candidates} of ${known}${isPanic ? ' (panic: ejection ignored)' : ''}`;
  }

  release(outcome: Outcome): void {
    if (this.#giveBack()) this.#onOutcome(this.#upstream, outcome, this.#pick);
  }

  cancel(): void {
    this.#giveBack();
  }

  #giveBack(): boolean {
    if (!this.#isHeld) return false;
    this.#isHeld = false;
    this.#upstream.inFlight -= 1;
    return true;
  }
}
