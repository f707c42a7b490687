import { currentContext, formatTraceparent, NoaError, uuidv7, type Clock, type Random } from '@noa/core';
import type { Envelope } from './Envelope.ts';

/** What a message is made of. */
export interface EnvelopeParts<Data> {
  /** Dotted name, `user.registered`. */
  readonly type: string;
  /** `noa/<service>`. */
  readonly source: string;
  /** JSON. */
  readonly data: Data;
  readonly subject?: string;
  /** Key of de-duplication, 1..200 characters. Default a new UUID v7. */
  readonly id?: string;
  readonly partitionkey?: string;
  readonly clock: Clock;
  readonly random: Random;
}

export const ENVELOPE_ID_LENGTH_MAX = 200;
/** Dotted words of letters, digits, `_` and `-`. */
export const EVENT_TYPE = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;
export const EVENT_TYPE_LENGTH_MAX = 200;

/**
 * Makes a CloudEvent, dated now, that carries on the trace of the request being handled.
 * @throws NoaError `QUEUE_DEFINITION_INVALID` when the type or the id is not of its form.
 */
export function createEnvelope<Data>(parts: EnvelopeParts<Data>): Envelope<Data> {
  const { type, source, data, subject, partitionkey, clock, random } = parts;
  const id = parts.id ?? uuidv7(clock, random);
  if (!EVENT_TYPE.test(type) || type.length > EVENT_TYPE_LENGTH_MAX) throw invalid('type', 'dotted words of letters, digits, _ and -', type);
  if (id.length === 0 || id.length > ENVELOPE_ID_LENGTH_MAX) throw invalid('id', `1..${ENVELOPE_ID_LENGTH_MAX} characters`, id.slice(0, 40));
  const trace = currentContext()?.trace;
  return {
    specversion: '1.0',
    id,
    source,
    type,
    time: new Date(clock.now()).toISOString(),
    datacontenttype: 'application/json',
    data,
    ...(subject === undefined ? {} : { subject }),
    ...(partitionkey === undefined ? {} : { partitionkey }),
    ...(trace === undefined ? {} : { traceparent: formatTraceparent(trace) }),
  };
}

function invalid(field: string, expected: string, got: string): NoaError {
  return new NoaError('QUEUE_DEFINITION_INVALID', {
    message: `envelope.${field}: expected ${expected}, got ${JSON.stringify(got)}`,
    httpStatus: 400,
  });
}
