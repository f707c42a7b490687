import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock, Logger } from '@noa/core';
import type { ExchangeHandler, HTTPEngine, Refusal } from './HTTPEngine.ts';
import { NodeExchange, type ExchangeContext } from './NodeExchange.ts';
import { NodeUpgrade } from './NodeUpgrade.ts';
import { rawResponse } from './rawResponse.ts';
import { UpstreamPools } from './UpstreamPools.ts';

export interface NodeHTTPEngineOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Request line and fields. Default 16 KiB. */
  readonly headBytesMax?: number;
  /** A head must have come by then. Default 10 s. */
  readonly headTimeoutMs?: number;
  /** A whole request, body included, must have come by then. Default 15 min: the longest deadline; routes ask for less. */
  readonly requestTimeoutMs?: number;
  /** An idle client connection is closed after this. Default 20 s. */
  readonly keepAliveMs?: number;
  /** Client connections at once; the next is dropped. Default 10,000. */
  readonly connectionsMax?: number;
  /** Default 1 s. */
  readonly connectTimeoutMs?: number;
}

/** What is known about one client connection. */
interface ConnectionState {
  readonly exchanges: Set<NodeExchange>;
  /** Its last answer is under way: whatever else it sends is not read as a request. */
  isClosing: boolean;
}

/** How often Node looks for late heads. */
const TIMEOUT_CHECK_MS = 1_000;

/** Node's parser errors that are not a plain 400. */
const PARSER_REFUSALS: Readonly<Record<string, Refusal>> = {
  HPE_HEADER_OVERFLOW: { status: 431, code: 'HEAD_TOO_LARGE', message: 'The request head is too large' },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: { status: 413, code: 'CONTENT_TOO_LARGE', message: 'The chunk extensions are too large' },
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, code: 'REQUEST_TIMEOUT', message: 'The request did not arrive in time' },
};
const VERSION: Refusal = { status: 505, code: 'HTTP_VERSION_UNSUPPORTED', message: 'Only HTTP/1.1 and HTTP/1.0 are spoken here' };
const MALFORMED: Refusal = { status: 400, code: 'REQUEST_MALFORMED', message: 'The request is malformed' };

/** The engine on `node:http` and undici, with the strict layer of `checkHead` on top of Node's parser. */
export class NodeHTTPEngine implements HTTPEngine {
  readonly #options: NodeHTTPEngineOptions;
  readonly #pools: UpstreamPools;
  readonly #connections = new WeakMap<object, ConnectionState>();
  readonly #upgrades = new Set<NodeUpgrade>();
  #server: Server | undefined;
  #context: ExchangeContext | undefined;
  #exchanges = 0;
  #isDraining = false;
  #stopping: Promise<void> | undefined;
  #onIdle: (() => void) | undefined;

  constructor(options: NodeHTTPEngineOptions) {
    this.#options = options;
    this.#pools = new UpstreamPools({ clock: options.clock, connectTimeoutMs: options.connectTimeoutMs ?? 1_000 });
  }

  get activity(): { exchanges: number; tunnels: number } {
    return { exchanges: this.#exchanges, tunnels: this.#upgrades.size };
  }

  async listen(options: { host: string; port: number; handler: ExchangeHandler }): Promise<{ host: string; port: number }> {
    const { clock, logger } = this.#options;
    this.#context = { handler: options.handler, pools: this.#pools, clock, logger, isDraining: () => this.#isDraining };
    const server = this.#createServer();
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: options.host, port: options.port, backlog: 1_024 }, () => {
        server.off('error', reject);
        resolve();
      });
    });
    const address = server.address() as AddressInfo;
    return { host: address.address, port: address.port };
  }

  drain(): void {
    this.#isDraining = true;
  }

  stop(options: { graceMs?: number } = {}): Promise<void> {
    this.#stopping ??= this.#stop(options.graceMs ?? 10_000);
    return this.#stopping;
  }

  async #stop(graceMs: number): Promise<void> {
    this.#isDraining = true;
    const server = this.#server;
    if (server === undefined) return this.#pools.stop();
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    for (const upgrade of this.#upgrades) upgrade.goAway();
    if (this.#exchanges + this.#upgrades.size > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
        const timer = this.#options.clock.schedule(graceMs, resolve);
        this.#onIdle = () => {
          timer.cancel();
          resolve();
        };
      });
    }
    server.closeAllConnections();
    for (const upgrade of this.#upgrades) upgrade.destroy();
    await closed;
    await this.#pools.stop();
  }

  #createServer(): Server {
    const { headBytesMax = 16_384, headTimeoutMs = 10_000, requestTimeoutMs = 900_000, keepAliveMs = 20_000 } = this.#options;
    const server = createServer({
      maxHeaderSize: headBytesMax,
      headersTimeout: headTimeoutMs,
      requestTimeout: requestTimeoutMs,
      keepAliveTimeout: keepAliveMs,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
      // checkHead answers for a missing Host itself, with a problem.
      requireHostHeader: false,
      insecureHTTPParser: false,
      noDelay: true,
      shouldUpgradeCallback: isWebSocketUpgrade,
    });
    // Node drops fields beyond its maximum silently; checkHead refuses instead.
    server.maxHeadersCount = 0;
    server.maxConnections = this.#options.connectionsMax ?? 10_000;
    server.on('request', (request, response) => this.#onRequest(request, response, false));
    server.on('checkContinue', (request, response) => this.#onRequest(request, response, true));
    server.on('checkExpectation', (request, response) => {
      const message = 'The only expectation met here is 100-continue';
      this.#exchange(request, response, false)?.refuse({ status: 417, code: 'EXPECTATION_FAILED', message });
    });
    server.on('upgrade', (request, socket, first) => this.#onUpgrade(request, socket, first));
    server.on('connect', (_request, socket) => {
      this.#refuseRaw(socket, { status: 501, code: 'METHOD_NOT_IMPLEMENTED', message: 'CONNECT is not served here' });
    });
    server.on('clientError', (error, socket) => this.#onClientError(error, socket));
    return server;
  }

  #onRequest(request: IncomingMessage, response: ServerResponse, sendsContinue: boolean): void {
    const exchange = this.#exchange(request, response, sendsContinue);
    if (exchange === undefined) return;
    exchange.run(() => undefined);
  }

  /** Undefined when the connection is closing: what it sends now is not a request any more. */
  #exchange(request: IncomingMessage, response: ServerResponse, sendsContinue: boolean): NodeExchange | undefined {
    const connection = this.#connection(request.socket);
    if (connection.isClosing) return undefined;
    const exchange = new NodeExchange(this.#context as ExchangeContext, request, response, {
      sendsContinue,
      onClosing: () => {
        connection.isClosing = true;
      },
    });
    connection.exchanges.add(exchange);
    this.#exchanges += 1;
    response.once('close', () => {
      connection.exchanges.delete(exchange);
      this.#exchanges -= 1;
      this.#noteEnd();
    });
    return exchange;
  }

  #onUpgrade(request: IncomingMessage, socket: Duplex, first: Buffer): void {
    const connection = this.#connection(socket);
    // Behind unfinished exchanges the answer would overtake theirs; no client pipelines an upgrade.
    if (connection.isClosing || connection.exchanges.size > 0) return void socket.destroy();
    connection.isClosing = true;
    const upgrade = new NodeUpgrade(this.#context as ExchangeContext, request, socket, first);
    this.#upgrades.add(upgrade);
    upgrade.run(() => {
      this.#upgrades.delete(upgrade);
      this.#noteEnd();
    });
  }

  #onClientError(error: ParserError, socket: Duplex): void {
    const refusal = refusalOf(error);
    const isGone = socket.destroyed || !socket.writable || error.code === 'ECONNRESET';
    const { exchanges, isClosing } = this.#connection(socket);
    if (isGone || isClosing || exchanges.size > 1) return void socket.destroy(error);
    const [current] = exchanges;
    // A body that breaks in the middle: its exchange knows whether an answer is under way already.
    if (current !== undefined) return current.refuse(refusal);
    this.#refuseRaw(socket, refusal);
  }

  #refuseRaw(socket: Duplex, refusal: Refusal): void {
    const connection = this.#connection(socket);
    if (connection.exchanges.size > 0) return void socket.destroy();
    connection.isClosing = true;
    socket.on('error', () => undefined);
    socket.end(rawResponse((this.#context as ExchangeContext).handler.refuse(refusal)), () => socket.destroy());
  }

  #connection(socket: object): ConnectionState {
    let state = this.#connections.get(socket);
    if (state === undefined) {
      state = { exchanges: new Set(), isClosing: false };
      this.#connections.set(socket, state);
    }
    return state;
  }

  #noteEnd(): void {
    if (!this.#isDraining) return;
    // A connection whose last answer began before the drain would idle until its keep-alive ends.
    setImmediate(() => this.#server?.closeIdleConnections());
    if (this.#exchanges + this.#upgrades.size === 0) this.#onIdle?.();
  }
}

interface ParserError extends Error {
  readonly code?: string;
  /** What the parser was reading. */
  readonly rawPacket?: Buffer;
}

function refusalOf(error: ParserError): Refusal {
  if (error.code !== 'HPE_INVALID_VERSION') return PARSER_REFUSALS[error.code ?? ''] ?? MALFORMED;
  // Node says this of any odd end of the request line, too; a version is one only in a good line.
  return /^\S+ \S+ HTTP\/\d\.\d\r\n/.test(error.rawPacket?.toString('latin1') ?? '') ? VERSION : MALFORMED;
}

/** Everything else that asks for an upgrade (h2c, for one) is served as the plain request it also is. */
function isWebSocketUpgrade(request: IncomingMessage): boolean {
  return request.method === 'GET' && request.headers.upgrade?.toLowerCase() === 'websocket';
}
