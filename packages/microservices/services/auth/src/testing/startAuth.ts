import { CallerCheck, createServiceApp, Health, TokenVerifier, type ServiceHost } from '@noa/communication';
import { createMetrics, loadConfig, StopStack, systemRandom, type Clock, type Database } from '@noa/core';
import { LogRecorder } from '@noa/testing';
import { createAuth } from '../app.ts';
import { authFields, type AuthConfig } from '../config.ts';
import { ENCRYPTION_KEY, ISSUER, UserServiceDouble } from './setupDomain.ts';

/** The auth service on a port of its own, with doubles of what is around it: queue, user service, registry. */
export interface AuthUnderTest {
  /** `http://127.0.0.1:…`; tokens and links name the issuer all the same. */
  readonly base: string;
  readonly users: UserServiceDouble;
  readonly published: { type: string; data: unknown }[];
  /** Hands an event to the subscriptions of the service. */
  readonly deliver: (event: { type: string; data: object }) => Promise<void>;
  readonly logs: LogRecorder;
  /** fetch that sends requests for the issuer's address to this server. */
  readonly fetch: (url: string | URL, init?: RequestInit) => Promise<Response>;
  readonly health: Health;
  stop(): Promise<void>;
}

export async function startAuth(options: { database: Database; clock: Clock; env?: Record<string, string> }): Promise<AuthUnderTest> {
  const { database, clock } = options;
  const logs = new LogRecorder();
  const metrics = createMetrics();
  const health = new Health({ clock, logger: logs });
  const stops = new StopStack();
  const users = new UserServiceDouble();
  const published: { type: string; data: unknown }[] = [];
  const deliveries: ((event: object) => Promise<void>)[] = [];
  const common = { clock, random: systemRandom, logger: logs, metrics };
  const app = await createServiceApp({ name: 'auth', version: '0.0.0', about: 'test', publicURL: ISSUER, health, ...common });
  const weak = { NOA_AUTH_PASSWORD_MEMORY_KIB: '1024', NOA_AUTH_PASSWORD_PASSES: '1' };
  const tokens = new TokenVerifier({ jwks: () => Promise.reject(new Error('not used')), issuer: ISSUER, ...common });
  const host = {
    name: 'auth',
    config: loadConfig(authFields, { ...weak, ...options.env }),
    settings: { publicURL: ISSUER, encryptionKey: ENCRYPTION_KEY } as ServiceHost['settings'],
    ...common,
    app,
    control: database,
    shards: () => Promise.reject(new Error('auth has no shards')),
    queue: async () =>
      ({
        publish: async (event: { type: string; data: unknown }) => void published.push(event),
        subscribe: async ({ handler }: { handler: (event: object) => Promise<void> }) => {
          deliveries.push(handler);
          return { stop: async () => undefined };
        },
      }) as never,
    client: async (_service: string, clientOptions: { token?: () => Promise<string> } = {}) =>
      ({
        request: async ({ body }: { body: never }) => {
          users.token = await clientOptions.token?.();
          await users.create(body);
          return { status: 201, headers: {}, body: {} };
        },
      }) as never,
    tokens,
    callers: new CallerCheck(tokens),
    stops,
    addReadiness: (name: string, check: () => Promise<void>) => health.add(name, check),
  } satisfies ServiceHost<AuthConfig>;
  await createAuth(host);
  await app.listen({ host: '127.0.0.1', port: 0 });
  health.serve();
  const address = app.server.address();
  const base = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  return {
    base,
    users,
    published,
    deliver: async (event) => {
      for (const handle of deliveries) await handle(event);
    },
    logs,
    fetch: (url, init) => fetch(String(url).replace(ISSUER, base), { redirect: 'manual', ...init }),
    health,
    stop: async () => {
      await app.close();
      await stops.stop();
    },
  };
}

/** What a browser keeps between requests. */
export class Browser {
  readonly #auth: AuthUnderTest;
  readonly #cookies = new Map<string, { value: string; path: string }>();

  constructor(auth: AuthUnderTest) {
    this.#auth = auth;
  }

  get(url: string): Promise<Response> {
    return this.#request(url, {});
  }

  post(url: string, form: Record<string, string>, headers: Record<string, string> = {}): Promise<Response> {
    return this.#request(url, { method: 'POST', body: new URLSearchParams(form), headers: { origin: ISSUER, ...headers } });
  }

  /** Follows redirects until an answer is none, or leads away from the issuer. */
  async follow(response: Response): Promise<{ url: string; response: Response }> {
    let current = response;
    for (let hop = 0; hop < 10; hop += 1) {
      const location = current.headers.get('location');
      if (location === null) return { url: '', response: current };
      const url = new URL(location, ISSUER).href;
      if (!url.startsWith(`${ISSUER}/`)) return { url, response: current };
      current = await this.get(url);
    }
    throw new Error('too many redirects');
  }

  async #request(url: string, init: RequestInit): Promise<Response> {
    const target = new URL(url, ISSUER);
    const cookie = [...this.#cookies]
      .filter(([, { path }]) => target.pathname.startsWith(path))
      .map(([name, { value }]) => `${name}=${value}`)
      .join('; ');
    const response = await this.#auth.fetch(target.href, {
      ...init,
      headers: { ...(init.headers as Record<string, string>), ...(cookie === '' ? {} : { cookie }) },
    });
    for (const line of response.headers.getSetCookie()) {
      const [pair = ''] = line.split(';');
      const name = pair.slice(0, pair.indexOf('='));
      const path = /;\s*path=([^;]+)/i.exec(line)?.[1] ?? '/';
      if (pair.endsWith('=') || /expires=Thu, 01 Jan 1970/i.test(line)) this.#cookies.delete(name);
      else this.#cookies.set(name, { value: pair.slice(name.length + 1), path });
    }
    return response;
  }
}
