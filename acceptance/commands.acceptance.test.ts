import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AcceptanceSystem, noa } from './harness.ts';

test('shards are fixed at the first start, logs are read, and only a stopped system is reset', async (t) => {
  const system = new AcceptanceSystem({ topology: 'inline' });
  t.after(() => system.dispose());
  const data = ['--data', system.dataPath];

  const started = await system.tryUp(['--shards', '3']);
  assert.equal(started.code, 0, `${started.stdout}${started.stderr}`);
  const { isHealthy, parts } = await system.status();
  assert.equal(isHealthy, true);
  assert.deepEqual(
    parts.filter(({ kind }) => kind === 'engine').map(({ name }) => name),
    ['pg0', 'pg1', 'pg2'],
  );

  const logs = await noa(['logs', 'supervisor', '--json', '-n', '200', ...data]);
  assert.equal(logs.code, 0, logs.stderr);
  const messages = logs.stdout
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { msg: string }).msg);
  assert.ok(messages.includes('the system is healthy'), messages.join('\n'));
  const unknown = await noa(['logs', 'nobody', '--json', ...data]);
  assert.equal(unknown.code, 1);
  assert.match(unknown.stdout, /NOT_FOUND.*supervisor/);

  const refused = await noa(['reset', '--yes', '--json', ...data]);
  assert.equal(refused.code, 1);
  assert.match(refused.stdout, /ALREADY_RUNNING/);

  assert.equal((await system.down()).code, 0);
  const other = await system.tryUp(['--shards', '4']);
  assert.equal(other.code, 1);
  assert.match(other.stdout, /SHARDS_FIXED/);

  const asked = await noa(['reset', '--json', ...data]);
  assert.equal(asked.code, 1, 'without a terminal nobody has said yes');
  assert.match(asked.stdout, /"deleted":false/);
  const reset = await noa(['reset', '--yes', '--json', ...data]);
  assert.equal(reset.code, 0, reset.stdout);
  const { targets } = JSON.parse(reset.stdout) as { targets: string[] };
  for (const name of ['layout.json', 'secrets']) assert.ok(targets.includes(name), targets.join(', '));
});

test('the doctor looks at a machine that runs these tests and finds no problem', async (t) => {
  const system = new AcceptanceSystem();
  t.after(() => system.dispose());
  const { code, stdout } = await noa(['doctor', '--json', '--data', system.dataPath]);
  assert.equal(code, 0, stdout);
  const { findings } = JSON.parse(stdout) as { findings: { name: string; status: string }[] };
  for (const name of ['Node', 'PostgreSQL', 'data folder', 'disk', 'system', 'ports', 'clock']) {
    assert.ok(
      findings.some((finding) => finding.name === name && finding.status !== 'problem'),
      name,
    );
  }
});

test('every command has a help page, and a wrong one is told so', async () => {
  for (const command of ['up', 'down', 'status', 'logs', 'demo', 'test', 'check', 'bench', 'doctor', 'reset']) {
    const { code, stdout } = await noa([command, '--help']);
    assert.equal(code, 0, command);
    assert.match(stdout, new RegExp(`Usage: noa ${command}`));
    assert.match(stdout, /--json/, command);
  }
  assert.equal((await noa(['stauts'])).code, 2);
});
