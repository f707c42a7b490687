import { NoaError, type Logger } from '@noa/core';
import type { Envelope } from './Envelope.ts';

export interface HandlerContext {
  /** 1, 2, … */
  readonly attempt: number;
  /** Aborts when the lease is lost or the process must end: stop, another attempt follows. */
  readonly signal: AbortSignal;
  readonly logger: Logger;
}

/**
 * Handles one message. Returning acknowledges it; throwing asks for another attempt after a pause, until the queue's attempts
 * are used up; throwing `JOB_REJECTED` makes it a dead letter at once. May see one message twice.
 */
export type Handler<T = unknown> = (message: Envelope<T>, context: HandlerContext) => Promise<void>;

/** Throws for a message that no retry can help. @param reason - kept with the dead letter; no personal data. */
export function rejectJob(reason: string, cause?: unknown): never {
  throw new NoaError('JOB_REJECTED', { message: reason, httpStatus: 422, cause });
}
