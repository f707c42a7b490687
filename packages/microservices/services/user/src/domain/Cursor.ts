import { createHmac, timingSafeEqual } from 'node:crypto';
import { isUUID, NoaError } from '@noa/core';

const TAG_BYTES = 12;

/** Opaque, signed list positions: a client can neither read anything into them nor make one up. */
export class Cursor {
  readonly #key: Uint8Array;

  /** @param key - any secret; each list's cursors are signed for that list only. */
  constructor(key: Uint8Array) {
    this.#key = key;
  }

  encode(list: string, after: string): string {
    const text = Buffer.from(after, 'utf8');
    return Buffer.concat([this.#tag(list, text), text]).toString('base64url');
  }

  /** @throws NoaError `CURSOR_INVALID` (400). */
  decode(list: string, cursor: string): string {
    const bytes = Buffer.from(cursor, 'base64url');
    const text = bytes.subarray(TAG_BYTES);
    const isGenuine = bytes.length > TAG_BYTES && timingSafeEqual(bytes.subarray(0, TAG_BYTES), this.#tag(list, text));
    const after = text.toString('utf8');
    if (isGenuine && isUUID(after)) return after;
    throw new NoaError('CURSOR_INVALID', { message: 'The cursor is not valid', httpStatus: 400 });
  }

  #tag(list: string, text: Uint8Array): Buffer {
    return createHmac('sha256', this.#key).update(list).update('\0').update(text).digest().subarray(0, TAG_BYTES);
  }
}
