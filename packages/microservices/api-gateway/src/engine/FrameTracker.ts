/** Most bytes of a WebSocket frame's head before its payload: 2, up to 8 of length, 4 of mask (RFC 6455 section 5.2). */
const HEAD_BYTES_MAX = 14;

/**
 * Follows the frame boundaries of one direction of a WebSocket without touching its bytes, so that a tunnel knows where
 * a frame of its own may go in between.
 */
export class FrameTracker {
  readonly #head = Buffer.alloc(HEAD_BYTES_MAX);
  #headBytes = 0;
  #payloadBytes = 0;
  #hasClosed = false;

  /** No frame is half sent. */
  get isAtBoundary(): boolean {
    return this.#headBytes === 0 && this.#payloadBytes === 0;
  }

  /** A close frame has gone by: nothing may follow it. */
  get hasClosed(): boolean {
    return this.#hasClosed;
  }

  /**
   * @returns the offset just behind the last frame that ends inside `chunk`, 0 when none does.
   */
  push(chunk: Buffer): number {
    let offset = 0;
    let boundary = 0;
    while (offset < chunk.length) {
      if (this.#payloadBytes > 0) {
        const taken = Math.min(this.#payloadBytes, chunk.length - offset);
        this.#payloadBytes -= taken;
        offset += taken;
      } else {
        this.#head[this.#headBytes] = chunk[offset] as number;
        this.#headBytes += 1;
        offset += 1;
        if (this.#headBytes < 2 || this.#headBytes < headLength(this.#head)) continue;
        this.#payloadBytes = payloadLength(this.#head);
        this.#hasClosed ||= ((this.#head[0] as number) & 0x0f) === 0x8;
        this.#headBytes = 0;
      }
      if (this.isAtBoundary) boundary = offset;
    }
    return boundary;
  }
}

function headLength(head: Buffer): number {
  const second = head[1] as number;
  const length = second & 0x7f;
  return 2 + (length === 126 ? 2 : length === 127 ? 8 : 0) + ((second & 0x80) === 0 ? 0 : 4);
}

function payloadLength(head: Buffer): number {
  const length = (head[1] as number) & 0x7f;
  if (length === 126) return head.readUInt16BE(2);
  return length === 127 ? Number(head.readBigUInt64BE(2)) : length;
}
