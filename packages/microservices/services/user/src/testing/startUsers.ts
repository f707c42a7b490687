import { CallerCheck, createServiceApp, Health } from '@noa/communication';
import { API_AUDIENCE, INTERNAL_AUDIENCE, type AccessClaims, type Role } from '@noa/contracts';
import { createMetrics, NoaError, silentLogger, systemClock, systemRandom } from '@noa/core';
import { Cursor } from '../domain/Cursor.ts';
import { addUserRoutes } from '../http/routes.ts';
import { setupUsers } from './setupUsers.ts';

export const PUBLIC_URL = 'https://noa.example';

/** Who calls: `<subject>` with roles. Tokens are the claims themselves, unsigned; `expired` and what is not such a token are refused. */
export function tokenOf(sub: string, roles: readonly Role[] = ['developer']): string {
  return Buffer.from(JSON.stringify({ sub, roles })).toString('base64url');
}

const tokens = {
  verify: async (token: string): Promise<AccessClaims> => {
    if (token === 'expired') throw new NoaError('TOKEN_EXPIRED', { message: 'The token has expired', httpStatus: 401 });
    try {
      const claims = JSON.parse(Buffer.from(token, 'base64url').toString('utf8')) as { sub: string; roles: Role[] };
      const aud = claims.sub.startsWith('service:') ? INTERNAL_AUDIENCE : API_AUDIENCE;
      return { ...claims, iss: PUBLIC_URL, aud, exp: 1, iat: 0, jti: 'jti' };
    } catch (error) {
      throw new NoaError('TOKEN_INVALID', { message: 'The token is not valid', httpStatus: 401, cause: error });
    }
  },
};

/** The routes on an app that is not listening. */
export async function startUsers(name: string) {
  const setup = await setupUsers(name);
  const common = { clock: systemClock, random: systemRandom, logger: silentLogger, metrics: createMetrics() };
  const health = new Health({ clock: systemClock, logger: silentLogger });
  const app = await createServiceApp({ name: 'user', version: '0.0.0', about: 'test', publicURL: PUBLIC_URL, health, ...common });
  const callers = new CallerCheck(tokens as never);
  addUserRoutes(app, { users: setup.users, callers, cursor: new Cursor(Buffer.alloc(32, 1)), publicURL: PUBLIC_URL });
  await app.ready();
  return {
    ...setup,
    app,
    stop: async () => {
      await app.close();
      await setup.stop();
    },
  };
}
