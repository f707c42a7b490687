import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import { NoaError, type Random } from '@noa/core';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Seals secrets at rest with AES-256-GCM. Each purpose has a key of its own, derived by HKDF-SHA-256 from
 * NOA_ENCRYPTION_KEY; the context (a key id, a token's hash) is authenticated, so a sealed value cannot be moved to another row.
 * Form: nonce (12 bytes), ciphertext, tag (16 bytes).
 */
export class Sealer {
  readonly #master: Buffer;
  readonly #random: Random;
  readonly #keys = new Map<string, Buffer>();

  /** @param options.key - 32 bytes in base64. */
  constructor(options: { key: string; random: Random }) {
    this.#master = Buffer.from(options.key, 'base64');
    this.#random = options.random;
  }

  seal(purpose: string, context: string, plain: string): Buffer {
    const nonce = this.#random.bytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.derive(purpose), nonce);
    cipher.setAAD(Buffer.from(context));
    const body = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()]);
    return Buffer.concat([nonce, body, cipher.getAuthTag()]);
  }

  /** @throws NoaError `AUTH_SEAL_BROKEN` for another key, purpose or context, or changed bytes. */
  open(purpose: string, context: string, sealed: Buffer): string {
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.derive(purpose), sealed.subarray(0, NONCE_BYTES));
      decipher.setAAD(Buffer.from(context));
      decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
      const body = sealed.subarray(NONCE_BYTES, sealed.length - TAG_BYTES);
      return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8');
    } catch (error) {
      throw new NoaError('AUTH_SEAL_BROKEN', { message: 'A sealed value cannot be opened', details: { purpose, context }, cause: error });
    }
  }

  /** 32 bytes of key material for this purpose. */
  derive(purpose: string): Buffer {
    let key = this.#keys.get(purpose);
    if (key === undefined) {
      key = Buffer.from(hkdfSync('sha256', this.#master, 'noa-auth', purpose, 32));
      this.#keys.set(purpose, key);
    }
    return key;
  }
}
