import { Agent, request } from 'node:http';
import type { Clock } from '@noa/core';

export interface OpenLoopResult {
  /** Milliseconds from the moment a request was due, not from the moment it could be sent. */
  readonly latenciesMs: readonly number[];
  readonly statuses: Readonly<Record<string, number>>;
  readonly durationMs: number;
}

/** More than this many answers outstanding means that the server has stopped answering. */
const OUTSTANDING_MAX = 10_000;
const SOCKETS_MAX = 64;

/**
 * Sends `ratePerSecond` requests a second for `seconds`, whether or not earlier ones were answered: a slow server meets
 * the same load as a fast one, and its line of waiting requests shows in the latencies.
 */
export async function openLoop(options: {
  clock: Clock;
  ratePerSecond: number;
  seconds: number;
  /** Of the request with this number. */
  send: (index: number, agent: Agent) => Promise<number>;
}): Promise<OpenLoopResult> {
  const { clock, ratePerSecond, seconds, send } = options;
  const agent = new Agent({ keepAlive: true, maxSockets: SOCKETS_MAX });
  const latenciesMs: number[] = [];
  const statuses: Record<string, number> = {};
  const startedMs = clock.monotonicMs();
  const total = Math.round(ratePerSecond * seconds);
  const pending = new Set<Promise<void>>();
  for (let index = 0; index < total; index += 1) {
    const dueMs = startedMs + (index * 1_000) / ratePerSecond;
    const waitMs = dueMs - clock.monotonicMs();
    if (waitMs > 0) await clock.sleep(waitMs);
    if (pending.size >= OUTSTANDING_MAX) throw new Error(`${pending.size} requests are without an answer: the server cannot take this rate`);
    // A timer may fire a little early; then the request was on its way before it was due.
    const fromMs = Math.min(dueMs, clock.monotonicMs());
    const call = send(index, agent)
      .catch(() => 0)
      .then((status) => {
        latenciesMs.push(clock.monotonicMs() - fromMs);
        const key = status === 0 ? 'failed' : String(status);
        statuses[key] = (statuses[key] ?? 0) + 1;
        pending.delete(call);
      });
    pending.add(call);
  }
  await Promise.all(pending);
  agent.destroy();
  return { latenciesMs, statuses, durationMs: clock.monotonicMs() - startedMs };
}

/** GET with a bearer token; the body is read and dropped. @returns the status. */
export function get(url: URL, token: string, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = request(url, { agent, headers: { authorization: `Bearer ${token}` } }, (response) => {
      response.once('end', () => resolve(response.statusCode ?? 0));
      response.once('error', reject);
      response.resume();
    });
    call.once('error', reject);
    call.end();
  });
}
