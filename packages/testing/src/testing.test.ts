import assert from 'node:assert/strict';
import { connect, createServer } from 'node:net';
import { once } from 'node:events';
import { test } from 'node:test';
import { SeededRandom, SimulatedClock, TCPFaultProxy, waitFor } from './index.ts';

test('timers fire in the order of their times, not of their making, and a cancelled one does not', async () => {
  const clock = new SimulatedClock();
  const fired: string[] = [];
  clock.schedule(20, () => fired.push('late'));
  clock.schedule(10, () => {
    fired.push('early');
    clock.schedule(5, () => fired.push('nested'));
  });
  clock.schedule(12, () => fired.push('never')).cancel();
  await clock.advance(15);
  assert.deepEqual(fired, ['early', 'nested']);
  assert.equal(clock.pendingTimers, 1);
  await clock.advance(5);
  assert.deepEqual(fired, ['early', 'nested', 'late']);
});

test('the wall clock can jump back while monotonic time goes on', async () => {
  const clock = new SimulatedClock(1_000_000);
  await clock.advance(500);
  clock.jumpWall(-10_000);
  assert.equal(clock.now(), 990_500);
  assert.equal(clock.monotonicMs(), 500);
});

test('one seed gives one sequence', () => {
  const a = new SeededRandom(42);
  const b = new SeededRandom(42);
  assert.deepEqual([a.next(), a.next(), ...a.bytes(4)], [b.next(), b.next(), ...b.bytes(4)]);
  assert.notEqual(new SeededRandom(43).next(), new SeededRandom(42).next());
});

test('waitFor gives the last error of its probe as the cause', async () => {
  await assert.rejects(
    waitFor(() => Promise.reject(new Error('still down')), { timeoutMs: 30, intervalMs: 5, message: 'the server' }),
    (error) => error instanceof Error && /the server/.test(error.message) && (error.cause as Error).message === 'still down',
  );
});

test('the fault proxy relays, cuts, refuses while cut, and relays again', async () => {
  const server = createServer((socket) => socket.on('error', () => undefined).pipe(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy = new TCPFaultProxy({ target: { host: '127.0.0.1', port: (server.address() as { port: number }).port } });
  const { host, port } = await proxy.start();
  const echo = async (text: string): Promise<string> => {
    const socket = connect(port, host);
    socket.write(text);
    const [reply] = (await Promise.race([once(socket, 'data'), once(socket, 'close').then(() => ['closed'])])) as [Buffer | string];
    socket.destroy();
    return String(reply);
  };
  assert.equal(await echo('one'), 'one');
  proxy.cut();
  assert.equal(await echo('two'), 'closed');
  proxy.restore();
  assert.equal(await echo('three'), 'three');
  await proxy.stop();
  server.close();
});
