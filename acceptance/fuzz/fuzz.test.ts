import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { test, type TestContext } from 'node:test';
import { SeededRandom } from '@noa/testing';
import { casesOf } from './cases.ts';
import { fuzz, type FuzzReport } from './fuzz.ts';
import { operationsOf, type OpenAPIDocument } from './openapi.ts';

const document: OpenAPIDocument = {
  openapi: '3.1.0',
  info: { title: 'pets', version: '1' },
  paths: {
    '/health': { get: {} },
    '/pets': {
      post: { requestBody: { content: { 'application/json': { schema: { $ref: '#/components/schemas/Pet' } } } } },
      get: { parameters: [{ name: 'limit', in: 'query', schema: { type: 'integer' } }] },
    },
    '/pets/{id}': { get: { parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }] } },
  },
  components: { schemas: { Pet: { type: 'object', required: ['name'], additionalProperties: false, properties: { name: { type: 'string' } } } } },
};

type Handler = (request: IncomingMessage, body: string, respond: (status: number, body: unknown, type?: string) => void) => void;

/** A server that does what `handler` says; the good one refuses everything. */
async function setup(t: TestContext, handler: Handler): Promise<FuzzReport> {
  const server = createServer().on('request', answer).on('checkExpectation', answer);
  function answer(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () =>
      handler(request, Buffer.concat(chunks).toString('latin1'), (status, body, type = 'application/problem+json') => {
        response.writeHead(status, { 'content-type': type }).end(typeof body === 'string' ? body : JSON.stringify(body));
      }),
    );
  }
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => void server.close());
  const { port } = server.address() as { port: number };
  return fuzz({ document, base: `http://127.0.0.1:${port}`, random: new SeededRandom(7) });
}

const problem = (status: number) => ({ type: 'urn:x', title: 'No', code: 'NO', status });
const refuse: Handler = (_request, _body, respond) => respond(400, problem(400));

test('finds nothing in a server that refuses properly, and asks every public operation', async (t) => {
  const report = await setup(t, refuse);
  assert.deepEqual(report.complaints, []);
  assert.equal(report.operations, 3);
  assert.ok(report.requests > 100, `${report.requests} requests`);
});

const planted: readonly [string, Handler, RegExp][] = [
  [
    'a 500',
    (_, body, respond) => (body.includes('<xml/>') ? respond(500, problem(500)) : respond(400, problem(400))),
    /no JSON at all.*answered 500/,
  ],
  [
    'a stack trace',
    (request, _, respond) => respond(400, { ...problem(400), detail: request.url?.includes('%00') ? 'Oops\n    at f (/srv/a.js:1:2)' : '' }),
    /shows its insides: .*Oops/,
  ],
  ['an answer that is no problem', (_, body, respond) => respond(400, problem(400), body === '[]' ? 'text/html' : undefined), /not as problem\+json/],
  [
    'a missing field that is taken',
    (_, body, respond) => (body === '{}' ? respond(201, {}, 'application/json') : respond(400, problem(400))),
    /without name.*was taken/,
  ],
  [
    'a field of a wrong type that is taken',
    (_, body, respond) => (/"name":(null|true|\d|\[|\{)/.test(body) ? respond(200, {}) : respond(400, problem(400))),
    /name = .*was taken/,
  ],
  ['a status that differs from the body', (_, __, respond) => respond(404, problem(400)), /says status 400 in the body and 404/],
  [
    'a connection closed without an answer',
    (request, body, respond) => (body === '1e999' ? request.socket.destroy() : respond(400, problem(400))),
    /closed without an answer/,
  ],
];

for (const [what, handler, expected] of planted) {
  test(`finds ${what}`, async (t) => {
    const { complaints } = await setup(t, handler);
    assert.ok(
      complaints.some((complaint) => expected.test(complaint)),
      `complaints: ${complaints.join('\n') || 'none'}`,
    );
  });
}

test('one seed gives the same requests again', () => {
  const generate = (seed: number): string => {
    const random = new SeededRandom(seed);
    return JSON.stringify(operationsOf(document).flatMap((operation) => casesOf(operation, random)));
  };
  assert.equal(generate(1), generate(1));
  assert.notEqual(generate(1), generate(2));
});
