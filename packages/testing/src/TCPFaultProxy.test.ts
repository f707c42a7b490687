import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, test } from 'node:test';
import { TCPFaultProxy } from './TCPFaultProxy.ts';
import { waitFor } from './waitFor.ts';

/** An echo server, the proxy before it, and clients of the proxy. */
let proxy: TCPFaultProxy;
let address: { host: string; port: number };
let stopServer: () => Promise<void>;
let clients: Socket[] = [];

beforeEach(async () => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  proxy = new TCPFaultProxy({ target: { host: '127.0.0.1', port: (server.address() as { port: number }).port } });
  address = await proxy.start();
  stopServer = async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
});

afterEach(async () => {
  for (const client of clients) client.destroy();
  clients = [];
  await proxy.stop();
  await stopServer();
});

interface Client {
  readonly socket: Socket;
  received(): string;
  state: 'open' | 'closed' | 'reset';
}

async function open(): Promise<Client> {
  const socket = connect(address);
  clients.push(socket);
  let text = '';
  const client: Client = { socket, received: () => text, state: 'open' };
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  socket.on('error', () => (client.state = 'reset'));
  socket.on('close', () => (client.state = client.state === 'reset' ? 'reset' : 'closed'));
  await once(socket, 'connect');
  return client;
}

test('relays, ends what is open when cut, lets nobody in while cut, and relays again', async () => {
  const first = await open();
  first.socket.write('one');
  await waitFor(() => first.received() === 'one');
  proxy.cut();
  await waitFor(() => first.state !== 'open');
  const second = await open();
  second.socket.write('two');
  await waitFor(() => second.state !== 'open');
  assert.equal(second.received(), '');
  proxy.restore();
  const third = await open();
  third.socket.write('three');
  await waitFor(() => third.received() === 'three');
});

test('a black hole keeps connections open and delivers what it held back when it ends', async () => {
  const client = await open();
  client.socket.write('a');
  await waitFor(() => client.received() === 'a');
  proxy.blackhole(true);
  client.socket.write('b');
  const late = await open();
  late.socket.write('x');
  await waitFor(() => proxy.connections === 2);
  assert.deepEqual([client.received(), client.state, late.received(), late.state], ['a', 'open', '', 'open']);
  proxy.blackhole(false);
  await waitFor(() => client.received() === 'ab' && late.received() === 'x');
});

test('resetting is seen as a reset, and new connections pass', async () => {
  const client = await open();
  client.socket.write('a');
  await waitFor(() => client.received() === 'a');
  proxy.resetAll();
  await waitFor(() => client.state === 'reset');
  const next = await open();
  next.socket.write('b');
  await waitFor(() => next.received() === 'b');
});

test('bytes sent before the end of a connection arrive although delayed', async () => {
  proxy.setLatencyMs(20);
  const client = await open();
  client.socket.end('last words');
  await waitFor(() => client.state === 'closed');
  assert.equal(client.received(), 'last words');
});

test('more bytes than the proxy holds at once pass whole', async () => {
  const client = await open();
  const length = 3 * 1_048_576;
  proxy.setLatencyMs(1);
  client.socket.write('z'.repeat(length));
  await waitFor(() => client.received().length === length);
});

test('an absent target is seen as a closed connection', async () => {
  await stopServer();
  const client = await open();
  await waitFor(() => client.state !== 'open');
});
