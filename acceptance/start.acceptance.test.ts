import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { AcceptanceSystem, freePortBase, noa } from './harness.ts';

function setup(t: TestContext, env: Readonly<Record<string, string>> = {}): AcceptanceSystem {
  const system = new AcceptanceSystem({ env });
  t.after(() => system.dispose());
  return system;
}

const EXIT_CONFIG = 78;

test('a wrong setting stops the start and is named: path, value, expectation, variable', async (t) => {
  const { code, stdout } = await setup(t, { NOA_GATEWAY_RATE_LIMIT: 'fast' }).tryUp();
  assert.equal(code, EXIT_CONFIG, stdout);
  const answer = JSON.parse(stdout) as { error: string; message: string };
  assert.equal(answer.error, 'CONFIG_INVALID');
  assert.match(answer.message, /gateway\.rateLimit\.requestsPerSecond: expected .*, got "fast" \(NOA_GATEWAY_RATE_LIMIT\)/);
});

test('a wrong setting of a service stops the start too', async (t) => {
  const { code, stdout } = await setup(t, { NOA_REGISTRY_LEASE_MS: '-1' }).tryUp();
  assert.equal(code, EXIT_CONFIG, stdout);
  assert.match(stdout, /registry\.leaseMs: expected .*-1.*NOA_REGISTRY_LEASE_MS/);
});

test('an unknown option is refused with the usage, and nothing starts', async () => {
  const { code, stderr } = await noa(['up', '--topologie', 'inline']);
  assert.equal(code, 2);
  assert.match(stderr, /--topologie/);
});

test('a taken port is named with its holder and the way out', async (t) => {
  const base = await freePortBase();
  const server = createServer().listen(base, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => void server.close());
  const dataPath = mkdtempSync(join(tmpdir(), 'noa-acceptance-'));
  t.after(() => rmSync(dataPath, { recursive: true, force: true }));
  const { code, stdout } = await noa(['up', '--detach', '--json', '--data', dataPath, '--port-base', String(base)]);
  assert.equal(code, 1, stdout);
  const answer = JSON.parse(stdout) as { error: string; message: string };
  assert.equal(answer.error, 'PORT_TAKEN');
  assert.match(answer.message, new RegExp(`Port ${base} .*--port-base`));
  if (process.platform === 'linux') assert.match(answer.message, new RegExp(`${process.pid}`));
});

test('a data folder that cannot be written is named', async (t) => {
  const parent = mkdtempSync(join(tmpdir(), 'noa-acceptance-'));
  t.after(() => rmSync(parent, { recursive: true, force: true }));
  // A file where the folder should be stops root as well, whom no mode stops.
  const dataPath = process.getuid?.() === 0 ? join(parent, 'file') : parent;
  if (process.getuid?.() === 0) writeFileSync(dataPath, '');
  else chmodSync(dataPath, 0o500);
  const { code, stdout } = await noa(['up', '--detach', '--json', '--data', join(dataPath, 'data')]);
  assert.equal(code, 1, stdout);
  const answer = JSON.parse(stdout) as { error: string; message: string };
  assert.equal(answer.error, 'DATA_UNWRITABLE');
  assert.ok(answer.message.includes(dataPath), answer.message);
});

test('a second start on one folder is refused, and the first goes on', async (t) => {
  const system = setup(t);
  await system.up();
  const { code, stdout } = await system.tryUp();
  assert.equal(code, 1, stdout);
  assert.match(stdout, /ALREADY_RUNNING/);
  assert.equal((await system.status()).isHealthy, true);
  const down = await system.down();
  assert.equal(down.code, 0);
  assert.equal((await system.down()).code, 0, 'down is harmless when nothing runs');
  assert.equal((await noa(['status', '--json', '--data', system.dataPath])).code, 3);
});
