import type { ServiceApp } from '@noa/communication';
import type { KeyRing } from '../domain/KeyRing.ts';
import { addTokenRoute, type TokenRouteOptions } from './tokenRoute.ts';
import { addInteractionRoutes, type InteractionRoutesOptions } from './interactionRoutes.ts';

export interface OidcRoutesOptions extends InteractionRoutesOptions, TokenRouteOptions {
  readonly keys: KeyRing;
}

/** Verifiers and caches may keep the key set this long; it must stay below half of the keys' lead. */
export const JWKS_MAX_AGE_S = 60;
const HIDDEN = { schema: { hide: true } };

/**
 * Discovery, key set, login pages and the mounted engine under /oauth. These speak the OAuth and OpenID Connect
 * documents: errors are theirs (RFC 6749), and the API document does not repeat them.
 */
export async function addOidcRoutes(app: ServiceApp, options: OidcRoutesOptions): Promise<void> {
  const { engine, keys } = options;
  app.get('/oauth/jwks', HIDDEN, (_request, reply) =>
    reply
      .header('cache-control', `public, max-age=${JWKS_MAX_AGE_S}`)
      .header('access-control-allow-origin', '*')
      .type('application/jwk-set+json')
      .serializer(JSON.stringify)
      .send(keys.published()),
  );
  await app.register(async (scope) => addInteractionRoutes(scope as unknown as ServiceApp, options));
  await app.register(async (scope) => addTokenRoute(scope as unknown as ServiceApp, options));
  await app.register(async (scope) => {
    // The engine reads forms by itself; the stream must reach it untouched.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
    for (const url of ['/oauth/*', '/.well-known/openid-configuration']) {
      scope.route({
        method: ['GET', 'POST', 'OPTIONS'],
        url,
        ...HIDDEN,
        handler: async (request, reply) => {
          reply.hijack();
          reply.raw.setHeader('x-request-id', request.id);
          await engine.handle(request.raw, reply.raw);
          return reply;
        },
      });
    }
  });
}
