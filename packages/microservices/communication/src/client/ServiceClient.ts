import {
  childTrace,
  currentContext,
  Deadline,
  DEADLINE_HEADER,
  formatTraceparent,
  fullJitterMs,
  isNoaError,
  newTrace,
  NoaError,
  TRACEPARENT_HEADER,
  uuidv7,
  type Clock,
  type Logger,
  type Metrics,
  type Random,
  type Stoppable,
} from '@noa/core';
import type { Instance, InstancesListener, UpstreamLease, UpstreamSet } from '@noa/service-registry';
import type { TSchema } from 'typebox';
import { AnswerCheck } from './AnswerCheck.ts';
import { isUnsent } from './callFailure.ts';
import { CircuitBreaker } from './CircuitBreaker.ts';
import { InstancePools } from './InstancePools.ts';
import { readAnswer, UNAVAILABLE_STATUSES, type ReceivedAnswer, type ServiceAnswer } from './readAnswer.ts';
import { RetryBudget } from './RetryBudget.ts';

export interface ServiceClientOptions {
  readonly service: string;
  readonly discovery: { onChange(listener: InstancesListener): Stoppable };
  readonly upstreams: UpstreamSet;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Bearer token of each try; asked each time. Its failure fails the call and says nothing about the instances. */
  readonly token?: () => Promise<string>;
}

export interface ServiceRequestOptions {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path and query. */
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whole call, retries included; the caller's own deadline may shorten it. Default 10000. */
  readonly timeoutMs?: number;
  /** Makes a POST or PATCH repeatable. */
  readonly idempotencyKey?: string;
  /** Of the answer. Default 10 MiB. */
  readonly bytesMax?: number;
  /** Of the answer's body; absent: the body is taken as it comes. Keep the object, it is compiled once. */
  readonly schema?: TSchema;
  /** The caller gave up: the call ends with the signal's reason, which says nothing about the instance. */
  readonly signal?: AbortSignal;
}

const TIMEOUT_MS_DEFAULT = 10_000;
const ATTEMPTS_MAX = 3;
const BACKOFF = { baseMs: 50, capMs: 1_000 };
/** A server that asks for a longer pause is not asked again inside a call. */
const RETRY_AFTER_MS_MAX = 2_000;
/** A time-out speaks against an instance that had this long, or this share of `timeoutMs`; a caller in a hurry proves nothing. */
const FAIR_MS = 1_000;
const FAIR_SHARE = 0.9;
const ANSWER_BYTES_MAX = 10 * 1_048_576;
const IDEMPOTENT = new Set(['GET', 'HEAD', 'PUT', 'DELETE']);

/**
 * Calls another service through the registry: one deadline over all tries, trace and request id passed on, a breaker
 * per instance, retries under a budget and only where a second try cannot do harm (idempotent, keyed, or provably unsent).
 */
export class ServiceClient implements Stoppable {
  readonly #options: ServiceClientOptions;
  readonly #pools = new InstancePools();
  readonly #breakers = new Map<string, CircuitBreaker>();
  readonly #budget: RetryBudget;
  readonly #answers: AnswerCheck;
  readonly #watch: Stoppable;
  #isStopped = false;

  constructor(options: ServiceClientOptions) {
    this.#options = options;
    this.#budget = new RetryBudget({ clock: options.clock });
    this.#answers = new AnswerCheck(options.service);
    this.#watch = options.discovery.onChange((service, instances) => {
      if (service === options.service) this.#retain(instances);
    });
  }

  /** Calls in progress fail with `SERVICE_UNAVAILABLE`. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#watch.stop();
    await this.#pools.close();
  }

  /**
   * @returns answers below 400.
   * @throws NoaError with the service's own code and status for a problem; `SERVICE_UNAVAILABLE`, `DEADLINE_EXCEEDED`,
   * `SERVICE_ANSWER_INVALID` for the rest.
   */
  async request<T>(request: ServiceRequestOptions): Promise<ServiceAnswer<T>> {
    const { clock, random } = this.#options;
    const timeoutMs = request.timeoutMs ?? TIMEOUT_MS_DEFAULT;
    const deadline = currentContext()?.deadline?.atMost(timeoutMs) ?? Deadline.after(clock, timeoutMs);
    const tried = new Set<string>();
    this.#budget.deposit();
    for (let attempt = 1; ; attempt += 1) {
      const message = await this.#prepare(request);
      request.signal?.throwIfAborted();
      deadline.check();
      if (this.#isStopped) throw this.#unavailable();
      const result = await this.#attempt<T>(message, deadline, tried);
      if ('answer' in result) return result.answer;
      const mayRepeat = result.isUnsent || IDEMPOTENT.has(request.method) || request.idempotencyKey !== undefined;
      if (!result.error.retryable || !mayRepeat || attempt >= ATTEMPTS_MAX) throw result.error;
      const pauseMs = Math.max(fullJitterMs(BACKOFF, attempt, random), result.retryAfterMs);
      // A retry that cannot fit the deadline only adds load.
      const isPointless = result.retryAfterMs > RETRY_AFTER_MS_MAX || pauseMs >= deadline.remainingMs() || this.#isStopped;
      if (isPointless || !this.#budget.withdraw()) throw result.error;
      this.#count('retried');
      await clock.sleep(pauseMs, request.signal);
      if (result.isEveryoneTried) tried.clear();
    }
  }

  async #attempt<T>(message: Message, deadline: Deadline, tried: Set<string>): Promise<AttemptResult<T>> {
    const lease = this.#acquire(tried);
    if (lease === undefined) {
      this.#count('no-instance');
      return { error: this.#unavailable(), isUnsent: true, retryAfterMs: 0, isEveryoneTried: true };
    }
    tried.add(lease.instance.id);
    const { clock, logger, service } = this.#options;
    const isEveryoneTried = tried.size >= this.#options.upstreams.size;
    const breaker = this.#breakerOf(lease.instance);
    const startedMs = clock.monotonicMs();
    const finish = (ok: boolean | undefined): void => {
      if (ok === undefined) {
        breaker.forget(startedMs);
        return lease.cancel();
      }
      breaker.record(ok, startedMs);
      lease.release({ ok, latencyMs: clock.monotonicMs() - startedMs });
    };
    const fairMs = Math.min((message.request.timeoutMs ?? TIMEOUT_MS_DEFAULT) * FAIR_SHARE, FAIR_MS);
    const { signal: givenUp } = message.request;
    const late = new AbortController();
    const timer = clock.schedule(deadline.remainingMs(), () => late.abort());
    try {
      const answer = await this.#send<T>(
        message,
        lease.instance,
        deadline,
        givenUp === undefined ? late.signal : AbortSignal.any([late.signal, givenUp]),
      );
      finish(!UNAVAILABLE_STATUSES.has(answer.status));
      this.#count(String(answer.status));
      if (answer.error === undefined) return { answer };
      return { error: answer.error, isUnsent: false, retryAfterMs: answer.retryAfterMs, isEveryoneTried };
    } catch (error) {
      if (givenUp?.aborted === true || this.#isStopped) {
        finish(undefined);
        this.#count('given-up');
        givenUp?.throwIfAborted();
        throw this.#unavailable(error);
      }
      const isLate = late.signal.aborted || deadline.isExpired;
      // An answer that is not what we expect is still an answer: the instance is there.
      const isAnswer = !isLate && isNoaError(error);
      finish(isLate && clock.monotonicMs() - startedMs < fairMs ? undefined : isAnswer);
      this.#count(isLate ? 'deadline' : 'failed');
      logger.debug({ err: error, service, instance: lease.instance.id }, 'a call failed');
      if (isLate)
        throw new NoaError('DEADLINE_EXCEEDED', { message: `${service} did not answer in time`, retryable: true, httpStatus: 504, cause: error });
      return { error: isAnswer ? error : this.#unavailable(error), isUnsent: isUnsent(error), retryAfterMs: 0, isEveryoneTried };
    } finally {
      timer.cancel();
    }
  }

  /** An instance that has room and whose breaker lets a call through. */
  #acquire(tried: ReadonlySet<string>): UpstreamLease | undefined {
    const { upstreams } = this.#options;
    const refused = new Set(tried);
    for (;;) {
      const lease = upstreams.acquire({ exclude: refused });
      if (lease === undefined) return undefined;
      if (!this.#pools.isFull(lease.instance) && this.#breakerOf(lease.instance).allow()) return lease;
      refused.add(lease.instance.id);
      lease.cancel();
    }
  }

  /** What can fail without an instance, before one is chosen: the token, and a body that is not JSON. */
  async #prepare(request: ServiceRequestOptions): Promise<Message> {
    const { token } = this.#options;
    const headers = {
      accept: 'application/json',
      ...this.#contextHeaders(),
      ...(request.idempotencyKey === undefined ? {} : { 'idempotency-key': request.idempotencyKey }),
      ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === undefined ? {} : { authorization: `Bearer ${await token()}` }),
      ...request.headers,
    };
    return { request, headers, ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }) };
  }

  async #send<T>(message: Message, instance: Instance, deadline: Deadline, signal: AbortSignal): Promise<ReceivedAnswer<T>> {
    const { request, headers, body } = message;
    const response = await this.#pools.get(instance).request({
      method: request.method,
      path: request.path,
      headers: { ...headers, [DEADLINE_HEADER]: deadline.headerValue() },
      ...(body === undefined ? {} : { body }),
      signal,
    });
    const { service, clock } = this.#options;
    const answer = await readAnswer<T>(response, { service, bytesMax: request.bytesMax ?? ANSWER_BYTES_MAX, nowMs: clock.now() });
    if (request.schema !== undefined && answer.error === undefined) this.#answers.check(request.schema, answer.body);
    return answer;
  }

  #contextHeaders(): Record<string, string> {
    const { clock, random } = this.#options;
    const context = currentContext();
    const trace = context === undefined ? newTrace(random) : childTrace(context.trace, random);
    return { [TRACEPARENT_HEADER]: formatTraceparent(trace), 'x-request-id': context?.requestId ?? uuidv7(clock, random) };
  }

  #breakerOf(instance: Instance): CircuitBreaker {
    const key = `${instance.id} ${instance.host}:${instance.port}`;
    let breaker = this.#breakers.get(key);
    if (breaker === undefined) {
      breaker = new CircuitBreaker({ clock: this.#options.clock });
      this.#breakers.set(key, breaker);
    }
    return breaker;
  }

  #retain(instances: readonly Instance[]): void {
    this.#pools.retain(instances);
    const keys = new Set(instances.map((instance) => `${instance.id} ${instance.host}:${instance.port}`));
    for (const key of this.#breakers.keys()) if (!keys.has(key)) this.#breakers.delete(key);
  }

  #unavailable(cause?: unknown): NoaError {
    return new NoaError('SERVICE_UNAVAILABLE', {
      message: `The ${this.#options.service} service is not available`,
      retryable: true,
      httpStatus: 503,
      cause,
    });
  }

  #count(result: string): void {
    const { metrics, service } = this.#options;
    metrics.counter('service_client_requests_total', 'Calls to other services, by result', ['service', 'result']).add({ service, result });
  }
}

type AttemptResult<T> =
  | { readonly answer: ServiceAnswer<T> }
  | { readonly error: NoaError; readonly isUnsent: boolean; readonly retryAfterMs: number; readonly isEveryoneTried: boolean };

/** One try's request. */
interface Message {
  readonly request: ServiceRequestOptions;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}
