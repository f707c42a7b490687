import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { isNoaError, silentLogger, systemClock } from '@noa/core';
import { runTests, type RunTestsOptions, type TestRun } from './runTests.ts';
import { selectTestFiles } from './selectTestFiles.ts';

const head = "import { test } from 'node:test';\nimport assert from 'node:assert/strict';\n";

/** A repository of test files in a folder of its own. */
async function setup(t: TestContext, files: Readonly<Record<string, string>>) {
  const root = await mkdtemp(join(tmpdir(), 'noa-run-tests-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  for (const [path, body] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), head + body);
  }
  // Or node:test would take the inner run for a part of this one, and refuse it.
  delete process.env['NODE_TEST_CONTEXT'];
  const run = (options: Partial<RunTestsOptions> = {}): Promise<TestRun> =>
    runTests({ root, env: { ...process.env, NOA_TEST_DATABASE_URL: 'postgres://given' }, clock: systemClock, logger: silentLogger, ...options });
  return { root, run };
}

const files = {
  'packages/a/src/a.test.ts': "test('passes', () => {});\ntest('is left out', { skip: 'no engine' }, () => {});\n",
  'packages/a/src/a.engine.test.ts': "test('sees the server', () => assert.equal(process.env['NOA_TEST_DATABASE_URL'], 'postgres://given'));\n",
  'packages/b/src/b.test.ts': "test('fails', () => assert.equal(7, 8));\n",
  'acceptance/story.acceptance.test.ts': "test('is told', () => {});\n",
  'packages/a/node_modules/x/x.test.ts': "test('of somebody else', () => assert.fail());\n",
};

test('chooses files by kind and by path, and refuses a path without tests', async (t) => {
  const { root } = await setup(t, files);
  assert.deepEqual(
    await selectTestFiles(root, []),
    Object.keys(files)
      .filter((file) => !file.includes('node_modules'))
      .toSorted(),
  );
  assert.deepEqual(await selectTestFiles(root, [], 'engine'), ['packages/a/src/a.engine.test.ts']);
  assert.deepEqual(await selectTestFiles(root, [], 'acceptance'), ['acceptance/story.acceptance.test.ts']);
  assert.deepEqual(await selectTestFiles(root, ['./packages/a/'], 'unit'), ['packages/a/src/a.test.ts']);
  await assert.rejects(
    selectTestFiles(root, ['packages/a', 'packages/nowhere']),
    (error) => isNoaError(error, 'NOT_FOUND') && /nowhere/.test(error.message),
  );
});

test('one failing test fails the run; what passed and was skipped is counted beside it', async (t) => {
  const { run } = await setup(t, files);
  const outcome = await run();
  assert.equal(outcome.exitCode, 1);
  assert.equal(outcome.passed, 3);
  assert.deepEqual(
    outcome.failed.map(({ file, name }) => [file, name]),
    [['packages/b/src/b.test.ts', 'fails']],
  );
  assert.deepEqual(outcome.skipped, [{ file: 'packages/a/src/a.test.ts', name: 'is left out', reason: 'no engine' }]);
});

test('a run in which everything passes is green; one in which nothing runs is not', async (t) => {
  const { run } = await setup(t, files);
  const seen: string[] = [];
  const green = await run({ paths: ['packages/a'], onFile: ({ file }) => void seen.push(file) });
  assert.equal(green.exitCode, 0);
  assert.deepEqual(seen.toSorted(), ['packages/a/src/a.engine.test.ts', 'packages/a/src/a.test.ts']);
  assert.equal((await run({ paths: ['packages/a'], filter: /no test is called so/ })).exitCode, 1);
});

test('a filter runs only the tests it matches', async (t) => {
  const { run } = await setup(t, files);
  const outcome = await run({ filter: /^passes$/ });
  assert.equal(outcome.passed, 1);
  assert.equal(outcome.exitCode, 0);
});
