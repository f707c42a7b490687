import type { Duplex } from 'node:stream';
import type { Clock, Timer } from '@noa/core';

export interface DelayedPipeOptions {
  readonly from: Duplex;
  readonly to: Duplex;
  readonly clock: Clock;
  /** Asked for each chunk. */
  readonly latencyMs: () => number;
}

/** Something on its way: bytes, the end of the stream, or the closing of the connection. */
interface Parcel {
  readonly dueMs: number;
  readonly content: Buffer | 'end' | 'close';
}

/** Bytes on their way at which reading pauses, so that a slow link does not fill memory. */
const BYTES_ON_THE_WAY_MAX = 1_048_576;

/**
 * One direction of a relayed connection: a line of parcels that leave in order, each no earlier than its time. A
 * shorter latency set meanwhile does not let later bytes overtake.
 */
export class DelayedPipe {
  readonly #options: DelayedPipeOptions;
  readonly #line: Parcel[] = [];
  #bytes = 0;
  #isHeld = false;
  #timer: Timer | undefined;

  constructor(options: DelayedPipeOptions) {
    this.#options = options;
    options.from.on('data', (chunk: Buffer) => this.#add(chunk));
    options.from.on('end', () => this.#add('end'));
  }

  /** Holds everything back, or lets it go on. */
  hold(isOn: boolean): void {
    this.#isHeld = isOn;
    this.#flush();
  }

  /** The reading side is closed: the other follows when all bytes have left. */
  closed(): void {
    this.#add('close');
  }

  #add(content: Parcel['content']): void {
    const { clock, latencyMs, from } = this.#options;
    this.#line.push({ dueMs: clock.monotonicMs() + latencyMs(), content });
    if (content instanceof Buffer) this.#bytes += content.length;
    if (this.#bytes > BYTES_ON_THE_WAY_MAX) from.pause();
    this.#flush();
  }

  #flush(): void {
    const { clock, from } = this.#options;
    this.#timer?.cancel();
    if (this.#isHeld) return;
    for (let first = this.#line[0]; first !== undefined; first = this.#line[0]) {
      const waitMs = first.dueMs - clock.monotonicMs();
      if (waitMs > 0) {
        this.#timer = clock.schedule(waitMs, () => this.#flush(), { keepAlive: false });
        return;
      }
      this.#line.shift();
      this.#deliver(first.content);
    }
    if (this.#bytes <= BYTES_ON_THE_WAY_MAX && from.isPaused()) from.resume();
  }

  #deliver(content: Parcel['content']): void {
    const { to } = this.#options;
    if (content === 'close') return closeWhenWritten(to);
    if (content === 'end') {
      if (to.writable) to.end();
      return;
    }
    const length = content.length;
    const gone = (): void => {
      this.#bytes -= length;
      if (this.#bytes <= BYTES_ON_THE_WAY_MAX && !this.#isHeld) this.#options.from.resume();
    };
    if (to.writable) to.write(content, gone);
    else gone();
  }
}

function closeWhenWritten(stream: Duplex): void {
  if (stream.writableFinished) return void stream.destroy();
  stream.once('finish', () => stream.destroy());
  if (stream.writable) stream.end();
}
