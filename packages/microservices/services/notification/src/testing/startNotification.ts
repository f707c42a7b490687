import { CallerCheck, createServiceApp, Health } from '@noa/communication';
import { API_AUDIENCE, INTERNAL_AUDIENCE, type AccessClaims, type Role } from '@noa/contracts';
import { createMetrics, NoaError, silentLogger, systemClock, systemRandom } from '@noa/core';
import type { TestDatabase } from '@noa/testing';
import { addNotificationRoutes } from '../http/routes.ts';
import { SinkStore } from '../store/SinkStore.ts';
import { setupNotification } from './setupNotification.ts';

const ISSUER = 'https://noa.example';

/** A token that the app under test takes: its claims, unsigned. */
export function tokenOf(sub: string, roles: readonly Role[], email?: string): string {
  return Buffer.from(JSON.stringify({ sub, roles, email })).toString('base64url');
}

const tokens = {
  verify: async (token: string): Promise<AccessClaims> => {
    if (token === 'expired') throw new NoaError('TOKEN_EXPIRED', { message: 'The token has expired', httpStatus: 401 });
    const claims = JSON.parse(Buffer.from(token, 'base64url').toString('utf8')) as { sub: string; roles: Role[] };
    const aud = claims.sub.startsWith('service:') ? INTERNAL_AUDIENCE : API_AUDIENCE;
    return { ...claims, iss: ISSUER, aud, exp: 1, iat: 0, jti: 'jti' };
  },
};

/** The routes on an app that is not listening; `hasSink` false is a deployment whose mail goes to a real server. */
export async function startNotification(db: TestDatabase, options: { url: string; hasSink: boolean }) {
  const setup = await setupNotification(db, { url: options.url });
  const common = { clock: systemClock, random: systemRandom, logger: silentLogger, metrics: createMetrics() };
  const health = new Health({ clock: systemClock, logger: silentLogger });
  const app = await createServiceApp({ name: 'notification', version: '0.0.0', about: 'test', publicURL: ISSUER, health, ...common });
  const sink = new SinkStore(db.database);
  const { notifications, templates, renderer } = setup;
  const callers = new CallerCheck(tokens as never);
  addNotificationRoutes(app, { notifications, templates, renderer, sink: options.hasSink ? sink : undefined, callers });
  await app.ready();
  return {
    ...setup,
    app,
    sink,
    stop: async () => {
      await app.close();
      await setup.stop();
    },
  };
}
