import type { Random } from '../time/Random.ts';

/** W3C trace context, level 1: which trace, which span, sampled or not. */
export interface TraceContext {
  /** 32 lower-case hex digits, not all zero. */
  readonly traceId: string;
  /** 16 lower-case hex digits, not all zero. */
  readonly spanId: string;
  readonly isSampled: boolean;
}

export const TRACEPARENT_HEADER = 'traceparent';

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** Reads a `traceparent` value; undefined when it is absent or not valid by the standard. */
export function parseTraceparent(value: string | undefined): TraceContext | undefined {
  const match = value === undefined ? null : TRACEPARENT.exec(value);
  if (match === null) return undefined;
  const [, version, traceId, spanId, flags, rest] = match as unknown as [string, string, string, string, string, string?];
  const isMalformed = version === 'ff' || (version === '00' && rest !== undefined);
  if (isMalformed || /^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

export function formatTraceparent(trace: TraceContext): string {
  return `00-${trace.traceId}-${trace.spanId}-${trace.isSampled ? '01' : '00'}`;
}

/** A fresh root trace. */
export function newTrace(random: Random): TraceContext {
  return { traceId: hex(random, 16), spanId: hex(random, 8), isSampled: true };
}

/** The same trace, one hop deeper. */
export function childTrace(parent: TraceContext, random: Random): TraceContext {
  return { ...parent, spanId: hex(random, 8) };
}

function hex(random: Random, bytes: number): string {
  return Buffer.from(random.bytes(bytes)).toString('hex');
}
