import assert from 'node:assert/strict';
import { Agent, get, type IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { waitFor } from '@noa/testing';
import { echoRoute, startBed, startUpstream } from './testkit/GatewayBed.ts';

const ask = (url: string, agent: Agent) => new Promise<IncomingMessage>((resolve, reject) => get(url, { agent }, resolve).once('error', reject));

test('a stop lets what is in progress end, closes kept connections, and refuses new ones', async () => {
  const waiting: (() => void)[] = [];
  await using upstream = await startUpstream((request, response) => {
    if (request.url === '/echo/fast') return void response.end('fast');
    response.write('be');
    waiting.push(() => void response.end('gun'));
  });
  const bed = await startBed({ routes: [echoRoute] });
  bed.discovery.set('echo', [upstream.instance()]);
  const agent = new Agent({ keepAlive: true });
  const idle = await ask(`${bed.url}/echo/fast`, agent);
  idle.resume();
  await new Promise((resolve) => idle.once('end', resolve));
  assert.equal(idle.headers.connection, 'keep-alive');
  const slow = await ask(`${bed.url}/echo/slow`, new Agent({ keepAlive: true }));
  let isStopped = false;
  const stopped = bed.gateway.stop().then(() => (isStopped = true));
  await waitFor(async () => {
    const refused = await fetch(`${bed.url}/echo/fast`).then(
      () => false,
      () => true,
    );
    return refused;
  });
  assert.equal(isStopped, false);
  waiting[0]?.();
  let text = '';
  for await (const chunk of slow) text += String(chunk);
  assert.equal(text, 'begun');
  await stopped;
  agent.destroy();
});

test('what does not end within the grace is cut, not completed', async () => {
  await using upstream = await startUpstream((_request, response) => void response.write('begun'));
  const bed = await startBed({ config: { drainMs: 50 }, routes: [echoRoute] });
  bed.discovery.set('echo', [upstream.instance()]);
  const response = await fetch(`${bed.url}/echo/slow`);
  await bed.gateway.stop();
  await assert.rejects(response.text());
});

test('during the drain each answer closes its connection', async () => {
  await using upstream = await startUpstream((_request, response) => response.end('ok'));
  await using bed = await startBed({ routes: [echoRoute] });
  bed.discovery.set('echo', [upstream.instance()]);
  bed.gateway.drain();
  for (const path of ['/echo/x', '/nowhere', '/health/live']) assert.equal((await fetch(bed.url + path)).headers.get('connection'), 'close', path);
});

test('a start that fails on a taken port leaves nothing running and says why', async () => {
  await using taken = await startUpstream((_request, response) => response.end('mine'));
  await assert.rejects(startBed({ config: { port: taken.port } }), { code: 'EADDRINUSE' });
  assert.equal(await (await fetch(`http://127.0.0.1:${taken.port}/`)).text(), 'mine');
});
