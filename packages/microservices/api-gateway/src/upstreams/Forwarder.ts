import { DEADLINE_HEADER, describeError, NoaError, type Clock, type Counter, type Logger, type Metrics } from '@noa/core';
import type { Attempt, AttemptFailure, Forwarding, LocalResponse, Refusal } from '../engine/HTTPEngine.ts';
import { isClaim } from '../policies/ClientAddress.ts';
import type { PolicyContext } from '../policies/Policy.ts';
import { problemResponse } from '../problemResponse.ts';
import type { InstanceWait } from './InstanceWait.ts';
import type { PickedUpstream, Upstreams } from './Upstreams.ts';

/** What all forwardings share. */
export interface ForwarderParts {
  readonly upstreams: Upstreams;
  readonly wait: InstanceWait;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: ForwarderMetrics;
}

export interface ForwarderMetrics {
  readonly retries: Counter;
  readonly failures: Counter;
}

export function forwarderMetrics(metrics: Metrics): ForwarderMetrics {
  return {
    retries: metrics.counter('gateway_upstream_retries_total', 'Attempts after the first', ['service', 'reason']),
    failures: metrics.counter('gateway_upstream_failures_total', 'Attempts without a response', ['service', 'kind']),
  };
}

/** Repetitions of a request that an instance may have seen. */
const REPEATS_MAX = 2;
/** Tries of one exchange in all, connections that never came to be included. */
const TRIES_MAX = 20;
/** Said with 502, 503 and 504: when asking again makes sense. */
const RETRY_AFTER_SECONDS = '1';
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);
/** Statuses that speak about the instance rather than about the request. */
const INSTANCE_FAILURES = new Set([502, 503, 504]);
/** A deadline counts against the instance only when it had nearly all of the route's time: clients may ask for less. */
const FAIR_SHARE = 0.9;

/**
 * One request's way to an instance: picks, repeats, gives up.
 *
 * A try that provably sent nothing may always be repeated. One that may have reached an instance is repeated only without
 * a body, for an idempotent method, within the retry budget; a POST is never sent twice. Nothing is repeated beyond the
 * deadline.
 */
export class ForwardedExchange implements Forwarding {
  readonly kind: 'forward' | 'tunnel';
  readonly target: string;
  readonly requestFields: readonly string[];
  readonly responseFields: readonly string[];
  readonly bodyBytesMax: number;
  readonly deadline: PolicyContext['deadline'];
  readonly #parts: ForwarderParts;
  readonly #context: PolicyContext;
  readonly #service: string;
  readonly #timeoutMs: number;
  readonly #tried = new Set<string>();
  #reserved: PickedUpstream | undefined;
  #tries = 0;
  #repeats = 0;

  constructor(parts: ForwarderParts, context: PolicyContext, options: { target: string; bodyBytesMax: number; timeoutMs: number }) {
    this.#parts = parts;
    this.#context = context;
    this.#service = context.route.declaration.service;
    this.#timeoutMs = options.timeoutMs;
    this.kind = context.head.isWebSocketUpgrade ? 'tunnel' : 'forward';
    this.target = options.target;
    this.requestFields = context.requestFields;
    this.responseFields = context.responseFields;
    this.bodyBytesMax = options.bodyBytesMax;
    this.deadline = context.deadline;
    parts.upstreams.noteRequest(this.#service);
  }

  isDropped(name: string): boolean {
    return isClaim(name) || name === DEADLINE_HEADER;
  }

  next(signal: () => AbortSignal): Attempt | LocalResponse | Promise<Attempt | LocalResponse> {
    if (this.deadline.isExpired) return this.expire('upstream');
    this.#tries += 1;
    if (this.#tries > TRIES_MAX) return this.#unavailable();
    const picked = this.#reserved ?? this.#parts.upstreams.acquire(this.#service, this.#tried);
    this.#reserved = undefined;
    if (picked !== undefined) return this.#attempt(picked);
    return this.#parts.wait.acquire(this.#service, signal()).then((late) => {
      if (late !== undefined) return this.#attempt(late);
      return this.deadline.isExpired ? this.expire('upstream') : this.#unavailable();
    });
  }

  refuse(refusal: Refusal): LocalResponse {
    const error = new NoaError(refusal.code, { message: refusal.message, httpStatus: refusal.status });
    return problemResponse(error, { ...this.#context, closes: true });
  }

  expire(cause: 'client' | 'upstream'): LocalResponse {
    if (cause === 'client') {
      const error = new NoaError('REQUEST_TIMEOUT', { message: 'The request body did not arrive in time', httpStatus: 408, retryable: true });
      return problemResponse(error, { ...this.#context, closes: true });
    }
    return this.#problem(new NoaError('UPSTREAM_TIMEOUT', { message: 'The service did not answer in time', httpStatus: 504, retryable: true }));
  }

  #attempt(picked: PickedUpstream): Attempt {
    const { clock, wait } = this.#parts;
    const startedMs = clock.monotonicMs();
    let latencyMs = 0;
    let isGood = true;
    this.#tried.add(picked.id);
    return {
      host: picked.host,
      port: picked.port,
      requestFields: [DEADLINE_HEADER, this.deadline.headerValue()],
      accept: (status, retryAfter) => {
        latencyMs = clock.monotonicMs() - startedMs;
        isGood = !INSTANCE_FAILURES.has(status);
        if (isGood) wait.noteAnswer(this.#service);
        if (!this.#mayRepeatStatus(status, retryAfter)) return true;
        picked.release({ ok: false, latencyMs });
        return false;
      },
      failed: (failure) => {
        picked.release({ ok: this.#verdict(failure, clock.monotonicMs() - startedMs), latencyMs: clock.monotonicMs() - startedMs });
        return this.#failed(failure, picked);
      },
      ended: ({ isComplete, byClient }) => picked.release({ ok: isGood && (isComplete || byClient), latencyMs }),
    };
  }

  #verdict(failure: AttemptFailure, elapsedMs: number): boolean | undefined {
    if (failure.kind === 'client-gone' || failure.kind === 'refused-body') return undefined;
    if (failure.kind === 'deadline' && elapsedMs < this.#timeoutMs * FAIR_SHARE) return undefined;
    return false;
  }

  #failed(failure: AttemptFailure, picked: PickedUpstream): LocalResponse | undefined {
    const { kind, error } = failure;
    if (kind === 'client-gone' || kind === 'deadline' || kind === 'refused-body') return undefined;
    this.#parts.metrics.failures.add({ service: this.#service, kind });
    const fields = { route: this.#context.route.id, instance: picked.id, kind, reason: describeError(error), requestId: this.#context.requestId };
    if (!failure.isBodyConsumed && (!failure.mayHaveBeenSent || this.#mayRepeat())) {
      this.#parts.logger.debug(fields, 'an attempt failed; trying again');
      this.#parts.metrics.retries.add({ service: this.#service, reason: kind });
      return undefined;
    }
    this.#parts.logger.warn(fields, 'an instance failed in the middle of a request');
    const message = 'The service failed while it handled this request; it may or may not have taken effect';
    return this.#problem(new NoaError('UPSTREAM_FAILED', { message, httpStatus: 502, retryable: IDEMPOTENT.has(this.#context.head.method) }));
  }

  /** A request that an instance may have seen. */
  #mayRepeat(): boolean {
    const { head } = this.#context;
    if (head.hasBody || !IDEMPOTENT.has(head.method) || this.#repeats >= REPEATS_MAX || this.deadline.isExpired) return false;
    if (!this.#parts.upstreams.takeRetry(this.#service)) return false;
    this.#repeats += 1;
    return true;
  }

  /** 502 and 503 are worth another instance, if there is one; a Retry-After is the service's own word about when. */
  #mayRepeatStatus(status: number, retryAfter: string | undefined): boolean {
    if ((status !== 502 && status !== 503) || (retryAfter !== undefined && retryAfter !== '0')) return false;
    const other = this.#parts.upstreams.acquire(this.#service, this.#tried);
    if (other === undefined) return false;
    if (!this.#mayRepeat()) {
      other.release({ ok: undefined, latencyMs: 0 });
      return false;
    }
    this.#reserved = other;
    this.#parts.metrics.retries.add({ service: this.#service, reason: String(status) });
    return true;
  }

  #unavailable(): LocalResponse {
    this.#parts.logger.warn({ route: this.#context.route.id, service: this.#service }, 'no instance could take a request');
    return this.#problem(
      new NoaError('UPSTREAM_UNAVAILABLE', { message: 'The service is not available right now', httpStatus: 503, retryable: true }),
    );
  }

  #problem(error: NoaError): LocalResponse {
    return problemResponse(error, { ...this.#context, fields: ['retry-after', RETRY_AFTER_SECONDS] });
  }
}
