import type { Duplex } from 'node:stream';
import type { Clock } from '@noa/core';
import { FrameTracker } from './FrameTracker.ts';

/** Close frame 1001 "going away" without a reason, unmasked as a server sends it. */
const GOING_AWAY = Buffer.from([0x88, 0x02, 0x03, 0xe9]);

/** When one side has ended in good order, what it said last may take this long to reach the other. */
const LINGER_MS = 10_000;

/**
 * Bytes both ways between a client and an instance after the 101, with back-pressure. The only frame of its own is the
 * close at a drain: it goes to the client at a frame boundary, the client's answer travels on to the instance, and the
 * two end their sides as for any other close.
 */
export class WebSocketTunnel {
  readonly #client: Duplex;
  readonly #upstream: Duplex;
  readonly #clock: Clock;
  readonly #frames = new FrameTracker();
  #isGoingAway = false;
  #hasSaidGoodbye = false;

  constructor(client: Duplex, upstream: Duplex, clock: Clock) {
    this.#client = client;
    this.#upstream = upstream;
    this.#clock = clock;
  }

  /** @param onClosed - both sides are gone. */
  run(onClosed: () => void): void {
    const client = this.#client;
    const upstream = this.#upstream;
    let open = 2;
    const follow = (gone: Duplex, other: Duplex): void => {
      gone.on('error', () => undefined);
      gone.once('close', () => {
        open -= 1;
        if (open === 0) onClosed();
        else if (gone.readableEnded) this.#flush(other);
        else other.destroy();
      });
    };
    follow(client, upstream);
    follow(upstream, client);
    upstream.on('data', (chunk: Buffer) => this.#toClient(chunk));
    client.on('drain', () => upstream.resume());
    client.on('data', (chunk: Buffer) => {
      if (!upstream.write(chunk)) client.pause();
    });
    upstream.on('drain', () => client.resume());
    upstream.once('end', () => client.end());
    client.once('end', () => upstream.end());
  }

  /** Says 1001 to the client, now or behind the frame that is under way. */
  goAway(): void {
    this.#isGoingAway = true;
    if (this.#frames.isAtBoundary) this.#sayGoodbye();
  }

  destroy(): void {
    this.#client.destroy();
    this.#upstream.destroy();
  }

  #flush(side: Duplex): void {
    const timer = this.#clock.schedule(LINGER_MS, () => side.destroy(), { keepAlive: false });
    side.once('close', () => timer.cancel());
    if (side.writableFinished) side.destroy();
    else side.end(() => side.destroy());
  }

  #toClient(chunk: Buffer): void {
    // After our close frame nothing else may reach the client; the instance's data frames are read and dropped.
    if (this.#hasSaidGoodbye) return;
    const boundary = this.#frames.push(chunk);
    if (this.#isGoingAway && boundary > 0) {
      this.#client.write(chunk.subarray(0, boundary));
      return this.#sayGoodbye();
    }
    if (!this.#client.write(chunk)) this.#upstream.pause();
  }

  #sayGoodbye(): void {
    if (this.#hasSaidGoodbye) return;
    this.#hasSaidGoodbye = true;
    this.#upstream.resume();
    if (!this.#frames.hasClosed) this.#client.write(GOING_AWAY);
  }
}
