import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Provider } from 'oidc-provider';
import type { KeyRing } from '../domain/KeyRing.ts';
import { createProvider, type ProviderOptions } from './createProvider.ts';

export interface OidcEngineOptions extends Omit<ProviderOptions, 'jwks'> {
  readonly keys: KeyRing;
}

/**
 * The OpenID Connect engine with the present keys. The library takes its keys once, so a change of keys makes a new
 * engine; everything it knows is in the database, and requests in progress end on the old one.
 */
export class OidcEngine {
  readonly #options: OidcEngineOptions;
  readonly #issuer: URL;
  #provider: Provider | undefined;
  #handle: ((request: IncomingMessage, response: ServerResponse) => Promise<void>) | undefined;

  constructor(options: OidcEngineOptions) {
    this.#options = options;
    this.#issuer = new URL(options.issuer);
    options.keys.onChange(() => {
      this.#provider = undefined;
      this.#handle = undefined;
    });
  }

  get provider(): Provider {
    this.#provider ??= createProvider({ ...this.#options, jwks: this.#options.keys.secret() });
    return this.#provider;
  }

  /** Answers a raw request. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#handle ??= this.provider.callback();
    await this.#handle(this.asIssuer(request), response);
  }

  /** The request as if it had been sent to the issuer's address: links are never built from what a client claims. */
  asIssuer(request: IncomingMessage): IncomingMessage {
    delete request.headers['x-forwarded-host'];
    delete request.headers['x-forwarded-for'];
    request.headers.host = this.#issuer.host;
    request.headers['x-forwarded-proto'] = this.#issuer.protocol.slice(0, -1);
    return request;
  }
}
