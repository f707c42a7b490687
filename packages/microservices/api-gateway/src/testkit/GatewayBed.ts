import { createServer, type RequestListener, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { createMetrics, loadConfig, NoaError, systemClock, systemRandom, type Metrics, type Stoppable } from '@noa/core';
import type { AccessClaims, RouteDeclaration } from '@noa/contracts';
import type { Instance, InstancesListener } from '@noa/service-registry';
import { LogRecorder } from '@noa/testing';
import { APIGateway } from '../APIGateway.ts';
import { gatewayConfig, type GatewayConfig } from '../config.ts';
import { NodeHTTPEngine } from '../engine/NodeHTTPEngine.ts';
import type { TokenChecker } from '../policies/authenticate.ts';
import type { RouteStore } from '../store/RouteStore.ts';
import type { DiscoverySource } from '../upstreams/DiscoveredUpstreams.ts';

/** A registry in memory that tests rewrite as they like. */
export class FakeDiscovery implements DiscoverySource {
  readonly #byService = new Map<string, Instance[]>();
  readonly #listeners = new Set<InstancesListener>();

  set(service: string, instances: Instance[]): void {
    this.#byService.set(service, instances);
    for (const listener of this.#listeners) listener(service, instances);
  }

  instances(service: string): readonly Instance[] {
    return this.#byService.get(service) ?? [];
  }

  services(): string[] {
    return [...this.#byService.keys()];
  }

  onChange(listener: InstancesListener): Stoppable {
    this.#listeners.add(listener);
    for (const [service, instances] of this.#byService) listener(service, instances);
    return { stop: async () => void this.#listeners.delete(listener) };
  }
}

/** Knows the tokens `user`, `admin`, `expired` and `keyless`. */
export const fakeTokens: TokenChecker = {
  async verify(token) {
    if (token === 'expired') throw new NoaError('TOKEN_EXPIRED', { message: 'The token has expired', httpStatus: 401 });
    if (token === 'keyless') throw new NoaError('TOKEN_KEYS_UNAVAILABLE', { message: 'No key is known yet', httpStatus: 503, retryable: true });
    if (token !== 'user' && token !== 'admin') throw new NoaError('TOKEN_INVALID', { message: 'The token is "not" valid', httpStatus: 401 });
    const roles: AccessClaims['roles'] = token === 'admin' ? ['admin'] : ['developer'];
    return { sub: token, iss: 'test', aud: 'noa-api', exp: 9e9, iat: 0, jti: '1', roles };
  },
};

export interface GatewayBed extends AsyncDisposable {
  readonly gateway: APIGateway;
  readonly engine: NodeHTTPEngine;
  readonly discovery: FakeDiscovery;
  readonly metrics: Metrics;
  readonly logger: LogRecorder;
  readonly port: number;
  readonly url: string;
}

export interface BedOptions {
  readonly config?: Partial<GatewayConfig>;
  readonly routes?: readonly RouteDeclaration[];
  readonly routeStore?: RouteStore;
  readonly headTimeoutMs?: number;
}

/** A gateway on a free port in front of whatever the test puts into its discovery. */
export async function startBed(options: BedOptions = {}): Promise<GatewayBed> {
  const config = {
    ...loadConfig(gatewayConfig, { NOA_ADMIN_TOKEN: 'an-admin-token-for-tests' }),
    port: 0,
    adminPort: 0,
    rateLimitPerSecond: 1_000_000,
    ...options.config,
  };
  const logger = new LogRecorder();
  const metrics = createMetrics();
  const discovery = new FakeDiscovery();
  const engine = new NodeHTTPEngine({ clock: systemClock, logger, headTimeoutMs: options.headTimeoutMs ?? config.headTimeoutMs });
  const gateway = new APIGateway({
    engine,
    discovery,
    tokens: fakeTokens,
    clock: systemClock,
    random: systemRandom,
    logger,
    metrics,
    config,
    ...(options.routeStore === undefined ? {} : { routeStore: options.routeStore }),
  });
  await gateway.start();
  for (const route of options.routes ?? []) await gateway.putRoute(route);
  const port = gateway.address?.port ?? 0;
  const url = `http://127.0.0.1:${port}`;
  return { gateway, engine, discovery, metrics, logger, port, url, [Symbol.asyncDispose]: () => gateway.stop() };
}

export interface TestUpstream extends AsyncDisposable {
  readonly server: Server;
  readonly port: number;
  instance(overrides?: Partial<Instance>): Instance;
  stop(): Promise<void>;
}

/** A real HTTP server on loopback. `port` 0 takes a free one. */
export async function startUpstream(listener: RequestListener, port = 0): Promise<TestUpstream> {
  const server = createServer({ keepAliveTimeout: 30_000 }, listener);
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const bound = (server.address() as AddressInfo).port;
  const stop = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  };
  return { server, port: bound, instance: (overrides) => instanceAt(bound, overrides), stop, [Symbol.asyncDispose]: stop };
}

export function instanceAt(port: number, overrides: Partial<Instance> = {}): Instance {
  return {
    id: `echo-${port}`,
    service: 'echo',
    host: '127.0.0.1',
    port,
    version: '1.0.0',
    weight: 100,
    status: 'passing',
    metadata: {},
    routes: [],
    ...overrides,
  };
}

export const echoRoute: RouteDeclaration = { id: 'echo', path: '/echo/*', service: 'echo', auth: 'none' };

/** Sends `bytes` over a bare socket and gives back everything that comes until the other side closes. */
export function exchangeRaw(port: number, bytes: string | Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
    });
    socket.once('error', reject);
    socket.once('close', () => resolve(text));
  });
}

/** A port of loopback that nobody listens on. */
export async function closedPort(): Promise<number> {
  const upstream = await startUpstream(() => undefined);
  await upstream.stop();
  return upstream.port;
}
