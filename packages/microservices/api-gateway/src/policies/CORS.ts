import type { LocalResponse, RequestHead } from '../engine/HTTPEngine.ts';

/** Fields that a page may read beside the safelisted ones. */
const EXPOSED = 'ETag, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-ID';
const PREFLIGHT_SECONDS = 600;

/** Cross-origin rules for all routes: an allow list of origins; no cookies, tokens travel in Authorization. */
export class CORS {
  readonly #origins: ReadonlySet<string>;

  constructor(origins: readonly string[]) {
    this.#origins = new Set(origins);
  }

  /** What is added to every answer for this request. */
  responseFields(head: RequestHead): string[] {
    if (this.#origins.size === 0) return [];
    const allowed = this.#allowed(head);
    if (allowed === undefined) return ['vary', 'Origin'];
    return ['access-control-allow-origin', allowed, 'access-control-expose-headers', EXPOSED, 'vary', 'Origin'];
  }

  /** Answers a preflight, beside `responseFields`; undefined when the request is none, or CORS is off. */
  preflight(head: RequestHead, methods: readonly string[]): LocalResponse | undefined {
    if (this.#origins.size === 0 || head.method !== 'OPTIONS') return undefined;
    if (head.field('origin') === undefined || head.field('access-control-request-method') === undefined) return undefined;
    const fields: string[] = [];
    if (this.#allowed(head) !== undefined) {
      const asked = head.field('access-control-request-headers');
      fields.push('access-control-allow-methods', methods.join(', '), 'access-control-max-age', String(PREFLIGHT_SECONDS));
      if (asked !== undefined && /^[A-Za-z0-9\-_, ]{1,1024}$/.test(asked)) fields.push('access-control-allow-headers', asked);
    }
    return { status: 204, fields, body: '' };
  }

  #allowed(head: RequestHead): string | undefined {
    const origin = head.field('origin');
    if (origin === undefined) return undefined;
    if (this.#origins.has(origin)) return origin;
    return this.#origins.has('*') ? '*' : undefined;
  }
}
