import type { Deadline, TraceContext } from '@noa/core';
import type { AccessClaims } from '@noa/contracts';
import type { LocalResponse, RequestHead } from '../engine/HTTPEngine.ts';
import type { Route } from '../RouteRegistry.ts';

/** One request on its way through its route's chain. */
export interface PolicyContext {
  readonly head: RequestHead;
  readonly route: Route;
  readonly requestId: string;
  readonly trace: TraceContext;
  /** Of the client itself, behind trusted proxies. */
  readonly clientAddress: string;
  readonly deadline: Deadline;
  /** Flat name, value list for the instance; policies append. */
  readonly requestFields: string[];
  /** Flat name, value list for the client; policies append. */
  readonly responseFields: string[];
  claims: AccessClaims | undefined;
}

/**
 * A step of a route's chain. Undefined lets the request go on; an answer ends it; a throw is answered as a problem.
 * Steps stay synchronous where they can: a promise costs every request behind it.
 */
export type Policy = (context: PolicyContext) => LocalResponse | undefined | Promise<LocalResponse | undefined>;

/** One flat chain out of several steps. */
export function compileChain(steps: readonly Policy[]): Policy {
  return (context) => runFrom(steps, 0, context);
}

function runFrom(steps: readonly Policy[], start: number, context: PolicyContext): ReturnType<Policy> {
  for (let i = start; i < steps.length; i += 1) {
    const result = (steps[i] as Policy)(context);
    if (result instanceof Promise) return result.then((answer) => answer ?? runFrom(steps, i + 1, context));
    if (result !== undefined) return result;
  }
  return undefined;
}
