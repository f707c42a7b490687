import { isIPv6 } from 'node:net';
import { NoaError, type Clock, type Metrics } from '@noa/core';
import type { RouteDeclaration } from '@noa/contracts';
import type { GatewayConfig } from '../config.ts';
import { problemResponse } from '../problemResponse.ts';
import { GCRA, gcraLimit, type GCRAVerdict } from './GCRA.ts';
import type { Policy } from './Policy.ts';

/** Client addresses times scopes that are remembered; about 10 MB. */
const KEYS_MAX = 100_000;
const DEFAULT_SCOPE = 'default';

/**
 * Limits per client address. Routes without a limit of their own share one scope, `default`; a route with its own is a
 * scope by itself; `rateLimit: null` means none. Answers carry the pair of the IETF draft (`RateLimit-Policy`,
 * `RateLimit`, draft-ietf-httpapi-ratelimit-headers-11) and the older `X-RateLimit-*`, whose `Reset` is in seconds from now.
 */
export class RateLimits {
  readonly #clock: Clock;
  readonly #config: GatewayConfig;
  readonly #table = new GCRA({ keysMax: KEYS_MAX });
  readonly #refused: { add(labels: Readonly<Record<string, string>>): void };

  constructor(options: { clock: Clock; config: GatewayConfig; metrics: Metrics }) {
    this.#clock = options.clock;
    this.#config = options.config;
    this.#refused = options.metrics.counter('gateway_rate_limited_total', 'Requests answered 429', ['route']);
    options.metrics.observableGauge('gateway_rate_limit_keys', 'Client addresses and scopes remembered', () => this.#table.size);
    options.metrics.observableGauge('gateway_rate_limit_forgotten', 'Keys dropped before their debt was paid', () => this.#table.forgotten);
  }

  /** The step of this route's chain; undefined when it has no limit. */
  policy(route: RouteDeclaration): Policy | undefined {
    if (route.rateLimit === null) return undefined;
    const perSecond = route.rateLimit?.requestsPerSecond ?? this.#config.rateLimitPerSecond;
    const ownBurst = route.rateLimit === undefined ? this.#config.rateLimitBurst : route.rateLimit.burst;
    const limit = gcraLimit(perSecond, ownBurst ?? Math.max(1, Math.ceil(perSecond)));
    const scope = route.rateLimit === undefined ? DEFAULT_SCOPE : route.id;
    const windowSeconds = Math.max(1, Math.ceil((limit.burst * limit.intervalNs) / 1e9));
    const declared = `"${scope}";q=${limit.burst};w=${windowSeconds}`;
    return (context) => {
      const nowNs = Math.floor(this.#clock.monotonicMs() * 1e6);
      const verdict = this.#table.take(`${scope} ${clientKey(context.clientAddress)}`, limit, nowNs);
      context.responseFields.push('ratelimit-policy', declared, ...stateFields(scope, limit.burst, verdict));
      if (verdict.isAdmitted) return undefined;
      this.#refused.add({ route: route.id });
      const error = new NoaError('RATE_LIMITED', { message: 'Too many requests; come back a little later', httpStatus: 429, retryable: true });
      return problemResponse(error, { ...context, fields: ['retry-after', String(Math.ceil(verdict.retryNs / 1e9))] });
    };
  }
}

function stateFields(scope: string, burst: number, verdict: GCRAVerdict): string[] {
  const seconds = Math.ceil((verdict.isAdmitted ? verdict.resetNs : verdict.retryNs) / 1e9);
  const reset = Math.ceil(verdict.resetNs / 1e9);
  return [
    'ratelimit',
    `"${scope}";r=${verdict.remaining};t=${seconds}`,
    'x-ratelimit-limit',
    String(burst),
    'x-ratelimit-remaining',
    String(verdict.remaining),
    'x-ratelimit-reset',
    String(reset),
  ];
}

/** One IPv6 customer holds a /64 at least: that is the client. */
export function clientKey(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups = tail === undefined ? left : [...left, ...Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0'), ...right];
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}
