import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';

/**
 * The client's body on its way to one attempt: reads the request only when the instance takes bytes (back-pressure), counts
 * them, and leaves the client's connection alone when it is destroyed, so that an answer can still be sent.
 * Untouched until the first read: an attempt that failed before that leaves the whole body for the next one.
 */
export class RequestBody extends Readable {
  readonly #request: IncomingMessage;
  readonly #bytesMax: number;
  readonly #onStart: () => void;
  readonly #onTooLarge: () => void;
  #bytes = 0;
  #isStarted = false;
  #isWaiting = false;

  constructor(options: { request: IncomingMessage; bytesMax: number; onStart: () => void; onTooLarge: () => void }) {
    super({ highWaterMark: 65_536 });
    this.#request = options.request;
    this.#bytesMax = options.bytesMax;
    this.#onStart = options.onStart;
    this.#onTooLarge = options.onTooLarge;
    // The instance may go away at any moment; its error is reported by the attempt, not by the body.
    this.on('error', () => undefined);
  }

  get isStarted(): boolean {
    return this.#isStarted;
  }

  /** The instance would take more, the client has not sent it. */
  get isWaitingForClient(): boolean {
    return this.#isWaiting && !this.#request.complete;
  }

  override _read(): void {
    this.#isWaiting = true;
    if (!this.#isStarted) {
      this.#isStarted = true;
      this.#request.on('data', this.#onData);
      this.#request.once('end', this.#onEnd);
      this.#request.once('close', this.#onClose);
      this.#onStart();
    }
    this.#request.resume();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#request.off('data', this.#onData);
    this.#request.off('end', this.#onEnd);
    this.#request.off('close', this.#onClose);
    if (this.#isStarted && !this.#request.complete) this.#request.pause();
    callback(error);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#bytesMax) return this.#onTooLarge();
    this.#isWaiting = false;
    if (!this.push(chunk)) this.#request.pause();
    else this.#isWaiting = true;
  };

  readonly #onEnd = (): void => {
    this.push(null);
  };

  readonly #onClose = (): void => {
    if (!this.#request.complete) this.destroy(new Error('the client left in the middle of its body'));
  };
}
