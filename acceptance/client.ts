import { systemRandom } from '@noa/core';

export interface Answer<Body = Record<string, unknown>> {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Parsed when it is JSON, else undefined. */
  readonly body: Body;
}

export interface CallOptions {
  readonly token?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

const CALL_MS_MAX = 35_000;

/** One call over the public wire. @throws whatever `fetch` throws when there is no answer. */
export async function call<Body = Record<string, unknown>>(
  base: string,
  method: string,
  path: string,
  options: CallOptions = {},
): Promise<Answer<Body>> {
  const response = await fetch(new URL(path, base), {
    method,
    redirect: 'manual',
    signal: AbortSignal.timeout(CALL_MS_MAX),
    headers: {
      ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
      ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...options.headers,
    },
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, body: parse(text) as Body };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
}

/** A name that no other run uses. */
export function uniqueName(prefix: string): string {
  return `${prefix}-${Buffer.from(systemRandom.bytes(6)).toString('hex')}`;
}

export interface Person {
  readonly id: string;
  readonly email: string;
  readonly password: string;
}

export const PASSWORD = 'correct horse battery staple';

/** Registers somebody new. @throws Error when the answer is not 201. */
export async function register(gateway: string, name = uniqueName('person')): Promise<Person> {
  const email = `${name}@example.test`;
  const answer = await call<{ user: { id: string } }>(gateway, 'POST', '/api/auth/register', {
    body: { email, password: PASSWORD, displayName: name },
  });
  if (answer.status !== 201) throw new Error(`register answered ${answer.status}: ${answer.text}`);
  return { id: answer.body.user.id, email, password: PASSWORD };
}

/** @throws Error when the answer is not 200. */
export async function login(gateway: string, person: { email: string; password: string }): Promise<Tokens> {
  const answer = await call<Tokens>(gateway, 'POST', '/api/auth/login', { body: { email: person.email, password: person.password } });
  if (answer.status !== 200) throw new Error(`login answered ${answer.status}: ${answer.text}`);
  return answer.body;
}
