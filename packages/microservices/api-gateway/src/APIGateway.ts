import type { Clock, Lifecycle, Logger, Metrics, Random, Stoppable } from '@noa/core';
import { Health } from '@noa/communication';
import type { RouteDeclaration } from '@noa/contracts';
import { AdminRoutes } from './AdminRoutes.ts';
import type { GatewayConfig } from './config.ts';
import type { HTTPEngine } from './engine/HTTPEngine.ts';
import { GatewayHandler } from './GatewayHandler.ts';
import { HealthAnswers } from './HealthAnswers.ts';
import type { TokenChecker } from './policies/authenticate.ts';
import { hostName, RouteRegistry, type Explanation, type Route } from './RouteRegistry.ts';
import { normalizeTarget } from './routing/normalizeTarget.ts';
import type { RouteStore } from './store/RouteStore.ts';
import { DiscoveredUpstreams, type DiscoverySource } from './upstreams/DiscoveredUpstreams.ts';
import { forwarderMetrics } from './upstreams/Forwarder.ts';
import { InstanceWait } from './upstreams/InstanceWait.ts';
import type { UpstreamState } from './upstreams/Upstreams.ts';

export interface APIGatewayOptions {
  readonly engine: HTTPEngine;
  /** Started; not stopped with the gateway. */
  readonly discovery: DiscoverySource;
  readonly tokens: TokenChecker;
  /** Without one the rules of the admin API live in memory. */
  readonly routeStore?: RouteStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly config: GatewayConfig;
}

/**
 * The gateway: composes engine, rules, policies and upstreams, and owns their lives.
 *
 * States: made → starting → serving → draining → stopped. Draining turns readiness off first, closes each connection
 * with its next answer, waits for what is in progress, then cuts.
 */
export class APIGateway implements Lifecycle {
  readonly health: Health;
  readonly #options: APIGatewayOptions;
  readonly #routes: RouteRegistry;
  readonly #adminRoutes: AdminRoutes;
  readonly #upstreams: DiscoveredUpstreams;
  readonly #wait: InstanceWait;
  readonly #handler: GatewayHandler;
  #watch: Stoppable | undefined;
  #address: { host: string; port: number } | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: APIGatewayOptions) {
    const { clock, random, logger, metrics, config, discovery, engine, tokens } = options;
    this.#options = options;
    this.health = new Health({ clock, logger });
    this.#routes = new RouteRegistry({ logger, metrics });
    this.#upstreams = new DiscoveredUpstreams({ discovery, clock, random, logger, metrics });
    this.#wait = new InstanceWait({ upstreams: this.#upstreams, clock, random, waitMs: config.instanceWaitMs });
    this.#adminRoutes = new AdminRoutes({ routes: this.#routes, store: options.routeStore, clock, logger, onRemoved: () => this.#syncServices() });
    metrics.observableGauge('gateway_tunnels', 'Open WebSockets', () => engine.activity.tunnels);
    this.#handler = new GatewayHandler({
      config,
      routes: this.#routes,
      forwarder: { upstreams: this.#upstreams, wait: this.#wait, clock, logger, metrics: forwarderMetrics(metrics) },
      tokens,
      health: new HealthAnswers(this.health),
      engine,
      clock,
      random,
      logger,
      metrics,
    });
  }

  /** Where it listens; port 0 of the config becomes the real one. */
  get address(): { host: string; port: number } | undefined {
    return this.#address;
  }

  async start(): Promise<void> {
    const { config, discovery, engine, logger } = this.#options;
    this.#watch = discovery.onChange((service, instances) => this.#routes.syncService(service, instances));
    this.#syncServices();
    this.#adminRoutes.start();
    try {
      this.#address = await engine.listen({ host: config.host, port: config.port, handler: this.#handler });
    } catch (error) {
      await this.stop();
      throw error;
    }
    this.health.serve();
    logger.info(this.#address, 'the gateway is serving');
  }

  /** Readiness goes at once; answers close their connections from now on. */
  drain(): void {
    this.health.drain();
    this.#options.engine.drain();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  routes(): Route[] {
    return this.#routes.list();
  }

  upstreams(): UpstreamState[] {
    return this.#upstreams.list();
  }

  /** @throws NoaError as `AdminRoutes.put` says. */
  putRoute(declaration: RouteDeclaration): Promise<Route> {
    return this.#adminRoutes.put(declaration);
  }

  /** @throws NoaError `NOT_FOUND`. */
  removeRoute(id: string): Promise<void> {
    return this.#adminRoutes.remove(id);
  }

  /** Which rule a request would get, and why not the others. */
  explain(method: string, target: string, host: string): Explanation & { readonly refusedBecause?: string } {
    const normal = normalizeTarget(target);
    if ('refusedBecause' in normal) return { version: 0, outcome: 'refused', losers: [], refusedBecause: normal.refusedBecause };
    return this.#routes.explain(method, hostName(host), normal.segments);
  }

  async #stop(): Promise<void> {
    const { clock, config, engine } = this.#options;
    const isServing = this.#address !== undefined;
    this.drain();
    if (isServing && config.drainDelayMs > 0) await clock.sleep(config.drainDelayMs);
    await engine.stop({ graceMs: config.drainMs });
    await this.#watch?.stop();
    await this.#adminRoutes.stop();
    await this.#wait.stop();
    await this.#upstreams.stop();
  }

  #syncServices(): void {
    const { discovery } = this.#options;
    for (const service of discovery.services()) this.#routes.syncService(service, discovery.instances(service));
  }
}
