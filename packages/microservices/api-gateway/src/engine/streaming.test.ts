import assert from 'node:assert/strict';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { waitFor } from '@noa/testing';
import { echoRoute, exchangeRaw, startBed, startUpstream } from '../testkit/GatewayBed.ts';

const MiB = 1_048_576;
const STREAM_BYTES = 50 * MiB;
const CHUNK = Buffer.alloc(65_536, 'x');

/** Writes `bytes` with back-pressure. */
async function pour(sink: NodeJS.WritableStream, bytes: number): Promise<void> {
  for (let sent = 0; sent < bytes; sent += CHUNK.length) {
    if (!sink.write(CHUNK)) await new Promise((resolve) => sink.once('drain', resolve));
  }
  sink.end();
}

async function count(source: AsyncIterable<Buffer>): Promise<number> {
  let bytes = 0;
  for await (const chunk of source) bytes += chunk.length;
  return bytes;
}

test('streams 50 MiB both ways at once without holding them', async () => {
  await using upstream = await startUpstream((request, response) => void request.pipe(response));
  await using bed = await startBed({ routes: [{ ...echoRoute, bodyBytesMax: STREAM_BYTES }] });
  bed.discovery.set('echo', [upstream.instance()]);
  const outgoing = httpRequest(`${bed.url}/echo/big`, { method: 'POST' });
  const answered = new Promise<IncomingMessage>((resolve, reject) => outgoing.once('response', resolve).once('error', reject));
  await Promise.all([pour(outgoing, STREAM_BYTES), answered.then(async (response) => assert.equal(await count(response), STREAM_BYTES))]);
});

test('stops reading the client when the instance does not take its body, and the instance when the client does not read', async () => {
  let taken: IncomingMessage | undefined;
  await using upstream = await startUpstream((request, response) => {
    taken = request;
    if (request.url === '/echo/read') void pour(response, STREAM_BYTES).catch(() => undefined);
  });
  await using bed = await startBed({ routes: [{ ...echoRoute, bodyBytesMax: STREAM_BYTES }] });
  bed.discovery.set('echo', [upstream.instance()]);
  const writer = connect(bed.port, '127.0.0.1');
  writer.on('error', () => undefined);
  writer.write(`POST /echo/write HTTP/1.1\r\nHost: a\r\nContent-Length: ${STREAM_BYTES}\r\n\r\n`);
  // The instance never reads: what fits into the kernels' buffers goes, then the client is held.
  let sent = 0;
  while (sent < STREAM_BYTES && writer.writableLength < 4 * MiB) {
    writer.write(CHUNK);
    sent += CHUNK.length;
    await new Promise(setImmediate);
  }
  await waitFor(() => taken !== undefined);
  assert.ok(writer.writableLength > 0, 'the client is held back');
  // A client that is held back is not listened to: only the instance's end, or the deadline, ends this exchange.
  taken?.socket.destroy();
  writer.destroy();
  const reader = connect(bed.port, '127.0.0.1');
  reader.on('error', () => undefined);
  reader.pause();
  reader.write('GET /echo/read HTTP/1.1\r\nHost: a\r\n\r\n');
  await waitFor(() => taken?.url === '/echo/read' && taken.socket.writableLength > 0 && taken.socket.bytesWritten);
  const before = taken?.socket.bytesWritten ?? 0;
  assert.ok(before < STREAM_BYTES / 2, 'the instance is held back');
  reader.destroy();
});

test('a client that leaves ends the exchange at the instance, before and in the middle of the response', async () => {
  const closed: string[] = [];
  await using upstream = await startUpstream((request, response) => {
    response.once('close', () => closed.push(request.url ?? ''));
    if (request.url === '/echo/streaming') response.write('begun');
  });
  await using bed = await startBed({ routes: [echoRoute] });
  bed.discovery.set('echo', [upstream.instance()]);
  for (const path of ['/echo/waiting', '/echo/streaming']) {
    const socket = connect(bed.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
    if (path === '/echo/streaming') await new Promise((resolve) => socket.once('data', resolve));
    else await waitFor(() => bed.engine.activity.exchanges === 1 && bed.gateway.upstreams()[0]?.inFlight === 1);
    socket.destroy();
    await waitFor(() => closed.includes(path), { message: path });
    await waitFor(() => bed.gateway.upstreams()[0]?.inFlight === 0);
  }
  assert.equal(bed.gateway.upstreams()[0]?.breaker, 'closed');
  assert.match(await bed.metrics.render(), /http_requests_total\{method="GET",route="echo",status="499"\} 1/);
});

test('a response that breaks off is never shown as complete, by length or in chunks', async () => {
  await using upstream = await startUpstream((request, response) => {
    if (request.url === '/echo/length') response.writeHead(200, { 'content-length': '100' });
    response.write('only a part');
    setImmediate(() => request.socket.destroy());
  });
  await using bed = await startBed({ routes: [echoRoute] });
  bed.discovery.set('echo', [upstream.instance()]);
  const byLength = await exchangeRaw(bed.port, 'GET /echo/length HTTP/1.1\r\nHost: a\r\n\r\n').catch((error: Error) => error.message);
  assert.doesNotMatch(byLength.split('\r\n\r\n')[1] ?? '', /.{100}/s);
  const chunked = await exchangeRaw(bed.port, 'GET /echo/chunked HTTP/1.1\r\nHost: a\r\n\r\n').catch((error: Error) => error.message);
  assert.doesNotMatch(chunked, /\r\n0\r\n\r\n$/);
  await assert.rejects(async () => (await fetch(`${bed.url}/echo/length`)).text());
  assert.match(await bed.metrics.render(), /gateway_responses_broken_total\{route="echo"\} [23]/);
});

test('an instance with a malformed response is a 502, and HEAD, 204 and 304 pass without a body', async () => {
  await using upstream = await startUpstream((request, response) => {
    if (request.url === '/echo/bad')
      return void request.socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n');
    const status = Number(request.url?.split('/').at(-1));
    response.writeHead(status, status === 200 ? { 'content-length': '5' } : {});
    response.end();
  });
  await using bed = await startBed({ routes: [echoRoute] });
  bed.discovery.set('echo', [upstream.instance()]);
  const bad = await fetch(`${bed.url}/echo/bad`, { method: 'POST' });
  assert.equal(bad.status, 502);
  assert.equal(((await bad.json()) as { code: string }).code, 'UPSTREAM_FAILED');
  const head = await fetch(`${bed.url}/echo/200`, { method: 'HEAD' });
  assert.equal(head.headers.get('content-length'), '5');
  assert.equal((await fetch(`${bed.url}/echo/204`)).status, 204);
  assert.equal((await fetch(`${bed.url}/echo/304`)).status, 304);
});

test('hop-by-hop fields of a response, and those its Connection names, stay behind', async () => {
  await using upstream = await startUpstream((_request, response) => {
    response.writeHead(200, { connection: 'x-secret, close', 'x-secret': 'inner', 'proxy-authenticate': 'Basic', 'x-open': 'yes' });
    response.end('ok');
  });
  await using bed = await startBed({ routes: [echoRoute] });
  bed.discovery.set('echo', [upstream.instance()]);
  const response = await fetch(`${bed.url}/echo/x`);
  assert.equal(response.headers.get('x-open'), 'yes');
  assert.equal(response.headers.get('x-secret'), null);
  assert.equal(response.headers.get('proxy-authenticate'), null);
  assert.equal(response.headers.get('connection'), 'keep-alive');
});

test('events stream: the head comes before the first event, and each event as it is sent', async () => {
  let send: ((event: string) => void) | undefined;
  await using upstream = await startUpstream((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    send = (event) => void response.write(`data: ${event}\n\n`);
  });
  await using bed = await startBed({ routes: [echoRoute] });
  bed.discovery.set('echo', [upstream.instance()]);
  const abort = new AbortController();
  const response = await fetch(`${bed.url}/echo/events`, { signal: abort.signal });
  assert.equal(response.headers.get('content-type'), 'text/event-stream');
  const reader = response.body?.getReader();
  for (const event of ['one', 'two']) {
    send?.(event);
    const { value } = (await reader?.read()) ?? {};
    assert.equal(Buffer.from(value ?? []).toString(), `data: ${event}\n\n`);
  }
  abort.abort();
});
