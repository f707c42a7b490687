import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { test } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { waitFor } from '@noa/testing';
import { closedPort, exchangeRaw, instanceAt, startBed } from '../testkit/GatewayBed.ts';

const route = { id: 'ws', path: '/ws/*', service: 'echo', auth: 'none', websocket: true } as const;

async function startEcho(): Promise<{ server: Server; sockets: WebSocketServer; port: number; closes: number[] } & AsyncDisposable> {
  const closes: number[] = [];
  const server = createServer((_request, response) => response.writeHead(426, { 'x-own': 'yes' }).end('no socket here'));
  const sockets = new WebSocketServer({ noServer: true });
  server.on('upgrade', (request, socket, head) => {
    if (request.url === '/ws/refused') return void socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\nX-Own: yes\r\n\r\nnope');
    sockets.handleUpgrade(request, socket, head, (client) => {
      if (request.url === '/ws/flood') for (let i = 0; i < 100; i += 1) client.send(Buffer.alloc(100_000));
      if (request.url === '/ws/farewell') {
        client.send(Buffer.alloc(20_000_000));
        client.close(4_002);
      }
      client.on('message', (data, isBinary) => client.send(data, { binary: isBinary }));
      client.on('close', (code) => closes.push(code));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    server,
    sockets,
    port: (server.address() as AddressInfo).port,
    closes,
    [Symbol.asyncDispose]: async () => {
      for (const client of sockets.clients) client.terminate();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const opened = (socket: WebSocket) => new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
const closed = (socket: WebSocket) => new Promise<number>((resolve) => socket.once('close', resolve));

test('passes text and binary messages of any size both ways, and the close with its code', async () => {
  await using echo = await startEcho();
  await using bed = await startBed({ routes: [route] });
  // A dead instance in the list costs a WebSocket nothing.
  bed.discovery.set('echo', [instanceAt(echo.port), instanceAt(await closedPort())]);
  for (let i = 0; i < 4; i += 1) {
    const socket = new WebSocket(`ws://127.0.0.1:${bed.port}/ws/chat`);
    const received: (string | number)[] = [];
    socket.on('message', (data: Buffer, isBinary) => received.push(isBinary ? data.length : data.toString()));
    await opened(socket);
    socket.send('hello');
    socket.send(Buffer.alloc(1_000_000));
    await waitFor(() => received.length === 2);
    assert.deepEqual(received, ['hello', 1_000_000]);
    assert.equal(bed.engine.activity.tunnels, 1);
    socket.close(4_001);
    assert.equal(await closed(socket), 4_001);
    await waitFor(() => bed.engine.activity.tunnels === 0);
  }
  assert.ok(echo.closes.every((code) => code === 4_001));
  assert.match(await bed.metrics.render(), /http_requests_total\{method="GET",route="ws",status="101"\} 4/);
});

test('policies hold for upgrades: no route, no token, no WebSocket on the route, too many', async () => {
  await using echo = await startEcho();
  await using bed = await startBed({
    config: { tunnelsMax: 1 },
    routes: [route, { ...route, id: 'closed', path: '/closed', auth: 'required' }, { ...route, id: 'plain', path: '/plain', websocket: false }],
  });
  bed.discovery.set('echo', [instanceAt(echo.port)]);
  const ask = (path: string) =>
    exchangeRaw(
      bed.port,
      `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
    );
  assert.match(await ask('/nowhere'), /^HTTP\/1\.1 404 [\s\S]*ROUTE_NOT_FOUND/);
  assert.match(await ask('/closed'), /^HTTP\/1\.1 401 [\s\S]*www-authenticate: Bearer\r\n/);
  assert.match(await ask('/plain'), /^HTTP\/1\.1 400 [\s\S]*UPGRADE_REFUSED/);
  const refused = await ask('/ws/refused');
  assert.match(refused, /^HTTP\/1\.1 403 [\s\S]*x-own: yes[\s\S]*nope$/);
  const socket = new WebSocket(`ws://127.0.0.1:${bed.port}/ws/one`);
  await opened(socket);
  assert.match(await ask('/ws/two'), /^HTTP\/1\.1 503 [\s\S]*GATEWAY_OVERLOADED/);
  socket.terminate();
  await waitFor(() => echo.closes.length === 1);
});

test('an instance that dies ends the WebSocket, and a client that dies ends it at the instance', async () => {
  await using echo = await startEcho();
  await using bed = await startBed({ routes: [route] });
  bed.discovery.set('echo', [instanceAt(echo.port)]);
  const first = new WebSocket(`ws://127.0.0.1:${bed.port}/ws/a`);
  await opened(first);
  for (const client of echo.sockets.clients) client.terminate();
  assert.equal(await closed(first), 1006);
  const second = new WebSocket(`ws://127.0.0.1:${bed.port}/ws/b`);
  await opened(second);
  second.terminate();
  await waitFor(() => echo.closes.length === 2 && bed.engine.activity.tunnels === 0);
});

test('what an instance said last reaches a slow client whole, though the instance has gone by then', async () => {
  await using echo = await startEcho();
  await using bed = await startBed({ routes: [route] });
  bed.discovery.set('echo', [instanceAt(echo.port)]);
  const socket = new WebSocket(`ws://127.0.0.1:${bed.port}/ws/farewell`, { maxPayload: 30_000_000 });
  const sizes: number[] = [];
  socket.on('message', (data: Buffer) => sizes.push(data.length));
  socket.once('upgrade', (response) => {
    response.socket.pause();
    setImmediate(() => response.socket.resume());
  });
  assert.equal(await closed(socket), 4_002);
  assert.deepEqual(sizes, [20_000_000]);
  await waitFor(() => bed.engine.activity.tunnels === 0);
});

test('a drain closes idle and busy WebSockets with 1001 between frames, for the instance too', async () => {
  await using echo = await startEcho();
  const bed = await startBed({ config: { drainMs: 5_000 }, routes: [route] });
  bed.discovery.set('echo', [instanceAt(echo.port)]);
  const idle = new WebSocket(`ws://127.0.0.1:${bed.port}/ws/idle`);
  const busy = new WebSocket(`ws://127.0.0.1:${bed.port}/ws/flood`);
  let whole = true;
  busy.on('message', (data: Buffer) => (whole &&= data.length === 100_000));
  busy.on('error', () => (whole = false));
  await Promise.all([opened(idle), opened(busy)]);
  const codes = Promise.all([closed(idle), closed(busy)]);
  await bed.gateway.stop();
  assert.deepEqual(await codes, [1001, 1001]);
  assert.equal(whole, true);
  await waitFor(() => echo.closes.length === 2);
  assert.deepEqual(echo.closes, [1001, 1001]);
});

test('a WebSocket that does not answer the close is cut after the grace', async () => {
  await using echo = await startEcho();
  const bed = await startBed({ config: { drainMs: 50 }, routes: [route] });
  bed.discovery.set('echo', [instanceAt(echo.port)]);
  const socket = connect(bed.port, '127.0.0.1');
  let bytes = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => (bytes = Buffer.concat([bytes, chunk])));
  socket.on('error', () => undefined);
  socket.write(
    'GET /ws/x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
  );
  await waitFor(() => bytes.toString('latin1').includes('\r\n\r\n'));
  const gone = new Promise((resolve) => socket.once('close', resolve));
  await bed.gateway.stop();
  await gone;
  assert.deepEqual([...bytes.subarray(-4)], [0x88, 0x02, 0x03, 0xe9]);
});
