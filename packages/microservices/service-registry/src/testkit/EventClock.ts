import type { Clock, Timer } from '@noa/core';

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** Simulated time for hundreds of thousands of events: a heap instead of promises, everything in one go. */
export class EventClock implements Clock {
  readonly #heap: Event[] = [];
  #elapsedMs = 0;
  #order = 0;

  now(): number {
    return this.#elapsedMs;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  sleep(): Promise<void> {
    throw new Error('events do not sleep');
  }

  schedule(delayMs: number, run: () => void): Timer {
    this.#order += 1;
    this.#push({ atMs: this.#elapsedMs + delayMs, order: this.#order, run });
    return {
      cancel: () => {
        throw new Error('events are not cancelled');
      },
    };
  }

  /** Runs events in order until none is left. */
  run(): void {
    for (let event = this.#pop(); event !== undefined; event = this.#pop()) {
      this.#elapsedMs = event.atMs;
      event.run();
    }
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let index = heap.push(event) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = event;
  }

  #pop(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let index = 0;
    for (;;) {
      let child = index * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (!isBefore(heap[child]!, last)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
    return first;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
