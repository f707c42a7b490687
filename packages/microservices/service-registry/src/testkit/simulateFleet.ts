import { randomBelow } from '@noa/core';
import { SeededRandom } from '@noa/testing';
import type { BalancerName } from '../balancing/Balancer.ts';
import { createBalancer } from '../balancing/createBalancer.ts';
import { Upstream } from '../balancing/Upstream.ts';
import { sampleInstance } from '../providers/RegistryProvider.conformance.ts';
import { EventClock } from './EventClock.ts';

export interface FleetScenario {
  readonly balancer: BalancerName;
  readonly seed: number;
  /** Arrivals as a share of what the servers could do if all were of normal speed, 0..1. */
  readonly load: number;
  /** Per server: 1 is normal, 5 is five times slower. */
  readonly slowness: readonly number[];
  readonly clients?: number;
  readonly durationMs?: number;
}

const SLOTS = 4;
const SERVICE_MS = 10;
/** Left out of the result: the balancers know nothing yet. */
const WARM_UP_MS = 3_000;

class Server {
  readonly #clock: EventClock;
  readonly #serviceMs: () => number;
  readonly #line: (() => void)[] = [];
  #next = 0;
  #busy = 0;

  constructor(clock: EventClock, serviceMs: () => number) {
    this.#clock = clock;
    this.#serviceMs = serviceMs;
  }

  handle(onDone: () => void): void {
    if (this.#busy === SLOTS) this.#line.push(onDone);
    else this.#serve(onDone);
  }

  #serve(onDone: () => void): void {
    this.#busy += 1;
    this.#clock.schedule(this.#serviceMs(), () => {
      this.#busy -= 1;
      onDone();
      const waiting = this.#line[this.#next];
      if (waiting === undefined) return;
      this.#next += 1;
      this.#serve(waiting);
    });
  }
}

/**
 * Clients with knowledge of their own requests only call servers of four slots with exponential service times; Poisson
 * arrivals, no time-outs, no retries.
 * @returns the 99th percentile of the answers' latency in milliseconds.
 */
export function simulateFleet(scenario: FleetScenario): number {
  const { balancer: name, seed, load, slowness, clients: clientCount = 8, durationMs = 15_000 } = scenario;
  const clock = new EventClock();
  const random = new SeededRandom(seed);
  const exponential = (meanMs: number): number => -meanMs * Math.log(1 - random.next());
  const servers = slowness.map((factor) => new Server(clock, () => exponential(SERVICE_MS * factor)));
  const clients = Array.from({ length: clientCount }, () => ({
    balancer: createBalancer(name, { random, clock }),
    upstreams: slowness.map((_, index) => new Upstream(sampleInstance(String(index), { port: index }), clock, true)),
  }));
  const latencies: number[] = [];
  const call = (): void => {
    const client = clients[randomBelow(random, clients.length)]!;
    const upstream = client.balancer.pick(client.upstreams) as Upstream;
    const startedMs = clock.monotonicMs();
    upstream.inFlight += 1;
    servers[upstream.instance.port]!.handle(() => {
      const latencyMs = clock.monotonicMs() - startedMs;
      upstream.inFlight -= 1;
      upstream.record(true, latencyMs);
      if (startedMs >= WARM_UP_MS) latencies.push(latencyMs);
    });
  };
  const pauseMs = SERVICE_MS / (servers.length * SLOTS * load);
  const arrive = (): void => {
    if (clock.monotonicMs() >= durationMs) return;
    call();
    clock.schedule(exponential(pauseMs), arrive);
  };
  arrive();
  clock.run();
  latencies.sort((a, b) => a - b);
  return latencies[Math.floor(latencies.length * 0.99)]!;
}
