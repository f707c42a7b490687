import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createMetrics, systemClock, type Clock, type Metrics } from '@noa/core';
import { InstanceStatus, UpstreamSet, type BalancerName, type Instance, type InstancesListener } from '@noa/service-registry';
import { LogRecorder, SeededRandom } from '@noa/testing';
import { ServiceClient, type ServiceClientOptions } from '../client/index.ts';

export interface ReceivedRequest {
  /** Index of the instance. */
  readonly at: number;
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export type InstanceHandler = (request: ReceivedRequest, response: ServerResponse) => void | Promise<void>;

/** The `hello` service as local HTTP servers, one per handler, and a client of it. */
export class ServiceBed {
  readonly requests: ReceivedRequest[] = [];
  readonly logger = new LogRecorder();
  readonly metrics: Metrics = createMetrics();
  readonly client: ServiceClient;
  readonly upstreams: UpstreamSet;
  readonly #servers: Server[];
  readonly #listeners = new Set<InstancesListener>();
  #instances: readonly Instance[];

  private constructor(servers: Server[], instances: readonly Instance[], options: BedOptions) {
    this.#servers = servers;
    this.#instances = instances;
    const { clock = systemClock, balancer = 'round-robin', ...rest } = options;
    const discovery = {
      onChange: (listener: InstancesListener) => {
        this.#listeners.add(listener);
        listener('hello', this.#instances);
        return { stop: async () => void this.#listeners.delete(listener) };
      },
    };
    const shared = { service: 'hello', discovery, clock, random: new SeededRandom(1), logger: this.logger, metrics: this.metrics };
    this.upstreams = new UpstreamSet({ ...shared, balancer });
    this.client = new ServiceClient({ ...shared, upstreams: this.upstreams, ...rest });
  }

  static async start(handlers: readonly InstanceHandler[], options: BedOptions = {}): Promise<ServiceBed> {
    const servers = handlers.map(() => createServer());
    for (const server of servers) await once(server.listen(0, '127.0.0.1'), 'listening');
    const instances = servers.map((server, index) => instanceAt((server.address() as AddressInfo).port, index));
    const bed = new ServiceBed(servers, instances, options);
    for (const [at, server] of servers.entries()) {
      server.on('request', (request, response) => void bed.#handle(at, handlers[at]!, request, response));
    }
    return bed;
  }

  get instances(): readonly Instance[] {
    return this.#instances;
  }

  /** What discovery says from now on. */
  setInstances(instances: readonly Instance[]): void {
    this.#instances = instances;
    for (const listener of this.#listeners) listener('hello', instances);
  }

  /** Ends the instance's server and its connections; the registry still lists it. */
  async kill(index: number): Promise<void> {
    const server = this.#servers[index]!;
    if (!server.listening) return;
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  }

  /** Requests that reached instance `index`. */
  countAt(index: number): number {
    return this.requests.filter(({ at }) => at === index).length;
  }

  async stop(): Promise<void> {
    await this.client.stop();
    await this.upstreams.stop();
    await Promise.all(this.#servers.map((_, index) => this.kill(index)));
  }

  async #handle(at: number, handler: InstanceHandler, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const received = { at, method: request.method!, url: request.url!, headers: request.headers, body: Buffer.concat(chunks).toString() };
    this.requests.push(received);
    await handler(received, response);
  }
}

export interface BedOptions extends Pick<ServiceClientOptions, 'token'> {
  readonly clock?: Clock;
  /** Default `round-robin`: the order of tries is known. */
  readonly balancer?: BalancerName;
}

function instanceAt(port: number, index: number): Instance {
  const id = `hello-${index}`;
  return { id, service: 'hello', host: '127.0.0.1', port, version: '1', weight: 100, status: InstanceStatus.Passing, metadata: {}, routes: [] };
}

export function answerJSON(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

export function answerProblem(response: ServerResponse, status: number, problem: object, headers: Record<string, string> = {}): void {
  answerJSON(response, status, { type: 'about:blank', status, ...problem }, { 'content-type': 'application/problem+json', ...headers });
}
