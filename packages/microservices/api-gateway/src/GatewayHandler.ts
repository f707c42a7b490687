import { Deadline, DEADLINE_HEADER, NoaError, type Clock, type Logger, type Metrics, type Random } from '@noa/core';
import { HTTP_METHODS } from '@noa/contracts';
import type { GatewayConfig } from './config.ts';
import type { Decided, Decision, ExchangeHandler, HTTPEngine, LocalResponse, Refusal, RequestHead } from './engine/HTTPEngine.ts';
import { ExchangeMetrics } from './ExchangeMetrics.ts';
import type { HealthAnswers } from './HealthAnswers.ts';
import { authenticate, type TokenChecker } from './policies/authenticate.ts';
import { ClientAddress } from './policies/ClientAddress.ts';
import { CORS } from './policies/CORS.ts';
import { compileChain, type Policy, type PolicyContext } from './policies/Policy.ts';
import { RateLimits } from './policies/rateLimit.ts';
import { requestIdentity, type RequestIdentity } from './policies/requestIdentity.ts';
import { problemResponse } from './problemResponse.ts';
import type { Route, RouteRegistry } from './RouteRegistry.ts';
import { normalizeTarget } from './routing/normalizeTarget.ts';
import { ForwardedExchange, type ForwarderParts } from './upstreams/Forwarder.ts';

export interface GatewayHandlerOptions {
  readonly config: GatewayConfig;
  readonly routes: RouteRegistry;
  readonly forwarder: ForwarderParts;
  readonly tokens: TokenChecker;
  readonly health: HealthAnswers;
  readonly engine: Pick<HTTPEngine, 'activity'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

const METHODS: ReadonlySet<string> = new Set(HTTP_METHODS);
const OVERLOAD_RETRY_AFTER = ['retry-after', '1'] as const;

/** Decides about each request head: own answers, routing, the route's chain, then the way to an instance. */
export class GatewayHandler implements ExchangeHandler {
  readonly #options: GatewayHandlerOptions;
  readonly #clients: ClientAddress;
  readonly #cors: CORS;
  readonly #limits: RateLimits;
  readonly #metrics: ExchangeMetrics;
  /** Compiled once per rule; a replaced rule is another object. */
  readonly #chains = new WeakMap<Route, Policy>();

  constructor(options: GatewayHandlerOptions) {
    this.#options = options;
    this.#clients = new ClientAddress(options.config.trustedProxies);
    this.#cors = new CORS(options.config.corsOrigins);
    this.#limits = new RateLimits(options);
    this.#metrics = new ExchangeMetrics(options.metrics, options.clock);
  }

  decide(head: RequestHead): Decided | Promise<Decided> {
    const identity = requestIdentity(head, this.#options.clock, this.#options.random);
    const observe = this.#metrics.begin(METHODS.has(head.method) ? head.method : 'other');
    const finish = (decision: Decision): Decided => ({ decision, finished: (result) => observe.finished(result) });
    const fail = (error: unknown): Decided => finish(this.#problem(error, identity));
    try {
      const decision = this.#decide(head, identity, (route) => observe.setRoute(route));
      return decision instanceof Promise ? decision.then(finish, fail) : finish(decision);
    } catch (error) {
      return fail(error);
    }
  }

  refuse(refusal: Refusal): LocalResponse {
    const identity = requestIdentity(undefined, this.#options.clock, this.#options.random);
    this.#metrics.refused(refusal.status);
    const error = new NoaError(refusal.code, { message: refusal.message, httpStatus: refusal.status });
    return problemResponse(error, { ...identity, fields: identity.responseFields, closes: true });
  }

  #decide(head: RequestHead, identity: RequestIdentity, setRoute: (route: string) => void): Decision | Promise<Decision> {
    const { config, engine, health, routes } = this.#options;
    const own = health.answer(head);
    if (own !== undefined) {
      setRoute('gateway.health');
      return Promise.resolve(own).then((response) => respond(response, identity.responseFields));
    }
    if (!METHODS.has(head.method)) {
      throw new NoaError('METHOD_NOT_IMPLEMENTED', { message: 'The gateway does not forward this method', httpStatus: 501 });
    }
    if (head.target === '*') return respond({ status: 204, fields: ['allow', HTTP_METHODS.join(', ')], body: '' }, identity.responseFields);
    // The exchange that asks is counted already.
    if (engine.activity.exchanges > config.exchangesMax || (head.isWebSocketUpgrade && engine.activity.tunnels > config.tunnelsMax)) {
      throw new NoaError('GATEWAY_OVERLOADED', { message: 'The gateway is at its limit; try again shortly', httpStatus: 503, retryable: true });
    }
    const normal = normalizeTarget(head.target);
    if ('refusedBecause' in normal) throw new NoaError('REQUEST_MALFORMED', { message: normal.refusedBecause, httpStatus: 400 });
    const match = routes.find(head.method, head.host, normal.segments);
    identity.responseFields.push(...this.#cors.responseFields(head));
    const preflight = match.kind === 'none' ? undefined : this.#cors.preflight(head, this.#methodsFor(head, normal.segments));
    if (preflight !== undefined) return respond(preflight, identity.responseFields);
    if (match.kind === 'none') throw new NoaError('ROUTE_NOT_FOUND', { message: 'There is nothing at this address', httpStatus: 404 });
    if (match.kind === 'wrong-method') {
      const error = new NoaError('METHOD_NOT_ALLOWED', { message: 'This address does not take this method', httpStatus: 405 });
      return respond(problemResponse(error, { ...identity, fields: ['allow', match.allow.join(', ')] }), identity.responseFields);
    }
    setRoute(match.entry.id);
    return this.#enter(head, match.entry, normal.target, identity);
  }

  /** Runs the route's chain, then forwards. */
  #enter(head: RequestHead, route: Route, target: string, identity: RequestIdentity): Decision | Promise<Decision> {
    const { config, clock, forwarder } = this.#options;
    const { declaration } = route;
    if (head.isWebSocketUpgrade && declaration.websocket !== true) {
      throw new NoaError('UPGRADE_REFUSED', { message: 'This route takes no WebSockets', httpStatus: 400 });
    }
    const origin = this.#clients.origin(head);
    const timeoutMs = declaration.timeoutMs ?? config.timeoutMs;
    const context: PolicyContext = {
      head,
      route,
      requestId: identity.requestId,
      trace: identity.trace,
      clientAddress: origin.address,
      deadline: Deadline.fromHeader(clock, head.field(DEADLINE_HEADER), timeoutMs, timeoutMs),
      requestFields: [...identity.requestFields, ...origin.fields],
      responseFields: identity.responseFields,
      claims: undefined,
    };
    const forward = (answer: LocalResponse | undefined): Decision => {
      if (answer !== undefined) return respond(answer, context.responseFields);
      return new ForwardedExchange(forwarder, context, { target, timeoutMs, bodyBytesMax: declaration.bodyBytesMax ?? config.bodyBytesMax });
    };
    const answer = this.#chain(route)(context);
    return answer instanceof Promise ? answer.then(forward) : forward(answer);
  }

  #chain(route: Route): Policy {
    let chain = this.#chains.get(route);
    if (chain === undefined) {
      const steps = [this.#limits.policy(route.declaration), authenticate(route.declaration, this.#options.tokens)];
      chain = compileChain(steps.filter((step) => step !== undefined));
      this.#chains.set(route, chain);
    }
    return chain;
  }

  #methodsFor(head: RequestHead, segments: readonly string[]): readonly string[] {
    return HTTP_METHODS.filter((method) => this.#options.routes.find(method, head.host, segments).kind === 'found');
  }

  #problem(error: unknown, identity: RequestIdentity): Decision {
    const isExpected = error instanceof NoaError && error.httpStatus < 500;
    if (!isExpected) this.#options.logger.warn({ err: error, requestId: identity.requestId }, 'a request could not be served');
    const isBusy = error instanceof NoaError && error.httpStatus === 503;
    return respond(problemResponse(error, { ...identity, fields: isBusy ? OVERLOAD_RETRY_AFTER : [] }), identity.responseFields);
  }
}

function respond(response: LocalResponse, fields: readonly string[]): Decision {
  return { kind: 'respond', response: { ...response, fields: [...response.fields, ...fields] } };
}
