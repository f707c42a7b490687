import { connect, createServer, type Server, type Socket } from 'node:net';
import { systemClock } from '@noa/core';
import { DelayedPipe } from './DelayedPipe.ts';

/**
 * A TCP relay that can misbehave: cut, refuse, delay, hold back, reset. Between a client and a real engine it plays the
 * network's part. Whatever it does, the bytes that arrive are a prefix of the bytes sent, in their order, as TCP
 * promises: a fault shows as lateness or as the end of a connection, never as a hole.
 */
export class TCPFaultProxy {
  readonly #target: { host: string; port: number };
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #pipes = new Set<DelayedPipe>();
  #latencyMs = 0;
  #isCut = false;
  #isBlackhole = false;

  /** @param options.target - where connections are relayed to. */
  constructor(options: { target: { host: string; port: number } }) {
    this.#target = options.target;
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#relay(client));
  }

  /** Listens on a free port of the loopback. */
  start(): Promise<{ host: string; port: number }> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', () => {
        const address = this.#server.address();
        resolve({ host: '127.0.0.1', port: typeof address === 'object' && address !== null ? address.port : 0 });
      });
    });
  }

  async stop(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Connections open through the proxy. */
  get connections(): number {
    return this.#pipes.size / 2;
  }

  /** Ends all connections and refuses new ones. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Ends `cut` and `blackhole`: new connections pass, and what was held back arrives. */
  restore(): void {
    this.#isCut = false;
    this.blackhole(false);
  }

  /** Each chunk read from now on arrives this much later, in both directions, order kept. */
  setLatencyMs(latencyMs: number): void {
    this.#latencyMs = latencyMs;
  }

  /** Connections stay open and nothing passes: the half-open link. Off again, what was held back arrives. */
  blackhole(isOn: boolean): void {
    this.#isBlackhole = isOn;
    for (const pipe of this.#pipes) pipe.hold(isOn);
  }

  /** Resets (RST) every open connection; new ones are let through. */
  resetAll(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  #relay(client: Socket): void {
    if (this.#isCut) return void client.destroy();
    const server = connect({ ...this.#target, allowHalfOpen: true });
    const common = { clock: systemClock, latencyMs: () => this.#latencyMs };
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      const pipe = new DelayedPipe({ from, to, ...common });
      pipe.hold(this.#isBlackhole);
      this.#pipes.add(pipe);
      this.#sockets.add(from);
      from.setNoDelay(true);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.#sockets.delete(from);
        this.#pipes.delete(pipe);
        pipe.closed();
      });
    }
  }
}
