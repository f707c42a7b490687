import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { TokenEndpointAnswer } from '../domain/RefreshClaims.ts';

/** Hop-by-hop or computed anew for the real answer. */
const NOT_COPIED: ReadonlySet<string> = new Set(['connection', 'content-length', 'date', 'keep-alive', 'transfer-encoding']);

/**
 * Hands a request whose body has been read to a node:http handler and gathers its answer, which leaves no trace on the
 * connection: it can be kept, sealed, and sent more than once.
 */
export async function dispatch(
  request: IncomingMessage,
  body: Buffer,
  handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
): Promise<TokenEndpointAnswer> {
  const copy = new IncomingMessage(new Socket());
  copy.method = request.method;
  copy.url = request.url;
  copy.headers = { ...request.headers, 'content-length': String(body.length) };
  delete copy.headers['transfer-encoding'];
  copy.push(body);
  copy.push(null);
  copy.complete = true;
  const response = new ServerResponse(copy);
  const chunks: Buffer[] = [];
  const keep = (chunk: unknown): void => {
    if (typeof chunk === 'string' || chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk));
  };
  const ended = new Promise<void>((resolve) => {
    response.write = (chunk: unknown): boolean => {
      keep(chunk);
      return true;
    };
    response.end = (chunk?: unknown): ServerResponse => {
      keep(chunk);
      resolve();
      return response;
    };
  });
  await handle(copy, response);
  await ended;
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(response.getHeaders())) {
    if (value !== undefined && !NOT_COPIED.has(name)) headers[name] = Array.isArray(value) ? value : String(value);
  }
  return { status: response.statusCode, headers, body: Buffer.concat(chunks).toString('utf8') };
}
