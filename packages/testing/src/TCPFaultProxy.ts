import { connect, createServer, type Server, type Socket } from 'node:net';
import { systemClock, type Timer } from '@noa/core';

/**
 * A TCP relay that can misbehave: cut, refuse, delay, swallow, reset. Between a client and a real engine it plays the
 * network's part.
 */
export class TCPFaultProxy {
  readonly #target: { host: string; port: number };
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #timers = new Set<Timer>();
  #latencyMs = 0;
  #isCut = false;
  #isBlackhole = false;

  constructor(options: { target: { host: string; port: number } }) {
    this.#target = options.target;
    this.#server = createServer((client) => this.#relay(client));
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
    for (const timer of this.#timers) timer.cancel();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Ends all connections and refuses new ones. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Lets new connections through again. */
  restore(): void {
    this.#isCut = false;
    this.#isBlackhole = false;
  }

  /** Each chunk, in both directions, arrives this much later. */
  setLatencyMs(latencyMs: number): void {
    this.#latencyMs = latencyMs;
  }

  /** Connections stay open and nothing passes: the half-open link. */
  blackhole(isOn: boolean): void {
    this.#isBlackhole = isOn;
  }

  /** Resets (RST) every open connection; new ones are let through. */
  resetAll(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  #relay(client: Socket): void {
    if (this.#isCut) return void client.destroy();
    const server = connect(this.#target);
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(from);
      from.setNoDelay(true);
      from.on('data', (chunk) => this.#forward(chunk, to));
      from.on('end', () => to.end());
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    }
  }

  #forward(chunk: Buffer, to: Socket): void {
    if (this.#isBlackhole) return;
    if (this.#latencyMs === 0) return void to.write(chunk);
    const timer = systemClock.schedule(this.#latencyMs, () => {
      this.#timers.delete(timer);
      if (to.writable) to.write(chunk);
    });
    this.#timers.add(timer);
  }
}
