import {
  childTrace,
  formatTraceparent,
  newTrace,
  parseTraceparent,
  TRACEPARENT_HEADER,
  uuidv7,
  type Clock,
  type Random,
  type TraceContext,
} from '@noa/core';
import type { RequestHead } from '../engine/HTTPEngine.ts';

const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/;

export interface RequestIdentity {
  readonly requestId: string;
  readonly trace: TraceContext;
  readonly requestFields: string[];
  readonly responseFields: string[];
}

/**
 * The id and trace of a request: the client's own where they are well formed, else new ones. Both go to the instance;
 * the id comes back as `X-Request-ID`, and the gateway's own, always new, as `X-Gateway-Request-ID`.
 */
export function requestIdentity(head: RequestHead | undefined, clock: Clock, random: Random): RequestIdentity {
  const own = uuidv7(clock, random);
  const given = head?.field('x-request-id');
  const requestId = given !== undefined && REQUEST_ID.test(given) ? given : own;
  const parent = parseTraceparent(head?.field(TRACEPARENT_HEADER));
  const trace = parent === undefined ? newTrace(random) : childTrace(parent, random);
  return {
    requestId,
    trace,
    requestFields: ['x-request-id', requestId, TRACEPARENT_HEADER, formatTraceparent(trace)],
    responseFields: ['x-request-id', requestId, 'x-gateway-request-id', own],
  };
}
