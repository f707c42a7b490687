import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestTally, type TestEvent } from './TestTally.ts';

const complete = (name: string, data: Partial<TestEvent['data']> & { passed?: boolean; type?: string; error?: unknown } = {}): TestEvent => {
  const { passed = true, type = 'test', error, ...rest } = data;
  return { type: 'test:complete', data: { name, file: '/a.test.ts', details: { passed, type, duration_ms: 5, error }, ...rest } };
};
const summary = (counts: Partial<NonNullable<TestEvent['data']['counts']>>): TestEvent => ({
  type: 'test:summary',
  data: { file: '/a.test.ts', counts: { passed: 0, failed: 0, cancelled: 0, skipped: 0, todo: 0, ...counts } },
});
const setup = (isFiltered = false): TestTally => new TestTally({ isFiltered });

test('counts each test once, suites and failing parents never', () => {
  const tally = setup();
  tally.add(complete('one'));
  tally.add(complete('two', { passed: false, error: { failureType: 'testCodeFailure', cause: new Error('seven is not eight') } }));
  tally.add(complete('the suite', { passed: false, type: 'suite', error: { failureType: 'subtestsFailed' } }));
  tally.add(summary({ passed: 1, failed: 1 }));
  const result = tally.add(complete('/a.test.ts', { passed: false, error: { failureType: 'subtestsFailed' } }));
  assert.deepEqual(result, { file: '/a.test.ts', passed: 1, failed: 1, skipped: 0, durationMs: 5 });
  assert.equal(tally.totals.passed, 1);
  assert.equal(tally.totals.failed.length, 1);
  assert.match(tally.totals.failed[0]?.error ?? '', /seven is not eight[\s\S]*TestTally\.test\.ts/);
});

test('names skipped and unfinished tests with their reason', () => {
  const tally = setup();
  tally.add(complete('no delay', { skip: 'unsupported: delay' }));
  tally.add(complete('later', { todo: true }));
  assert.deepEqual(
    tally.totals.skipped.map(({ name, reason }) => [name, reason]),
    [
      ['no delay', 'unsupported: delay'],
      ['later', 'no reason given'],
    ],
  );
  assert.equal(tally.totals.passed, 0);
});

test('a failing hook of a suite counts, though no test of it failed', () => {
  const tally = setup();
  tally.add(complete('suite', { passed: false, type: 'suite', error: { failureType: 'hookFailed', cause: new Error('no server') } }));
  assert.equal(tally.totals.failed.length, 1);
});

test('a file that crashes is a failure, and keeps what it printed', () => {
  const tally = setup();
  tally.add({ type: 'test:stderr', data: { file: '/a.test.ts', message: 'Error: boom\n' } });
  tally.add(complete('/a.test.ts', { passed: false, error: { failureType: 'testCodeFailure', cause: 'test failed' } }));
  const result = tally.add({ type: 'test:fail', data: { name: '/a.test.ts', file: '/a.test.ts' } });
  assert.equal(result?.failed, 1);
  assert.equal(tally.outputOf('/a.test.ts'), 'Error: boom\n');
});

test('a test written in a module that the file imports counts for the file that ran', () => {
  const tally = setup();
  tally.add(complete('told elsewhere', { file: '/story.ts' }));
  assert.equal(tally.add(complete('/a.test.ts')), undefined);
  assert.deepEqual(tally.add(summary({ passed: 1 })), { file: '/a.test.ts', passed: 1, failed: 0, skipped: 0, durationMs: 5 });
  assert.equal(tally.totals.passed, 1);
});

test('a file without a test is a failure, unless only some tests were asked for', () => {
  for (const isFiltered of [false, true]) {
    const tally = setup(isFiltered);
    assert.equal(tally.add(complete('/a.test.ts')), undefined);
    assert.equal(tally.add({ type: 'test:pass', data: { name: '/a.test.ts', file: '/a.test.ts' } })?.failed, isFiltered ? 0 : 1);
  }
});

test('the kept output is bounded, and dropped when the file passed', () => {
  const tally = setup();
  for (let index = 0; index < 100; index += 1) tally.add({ type: 'test:stdout', data: { file: '/a.test.ts', message: 'x'.repeat(1_000) } });
  assert.ok(tally.outputOf('/a.test.ts').length <= 16_000);
  tally.add(complete('one'));
  tally.add(summary({ passed: 1 }));
  assert.equal(tally.add(complete('/a.test.ts'))?.failed, 0);
  assert.equal(tally.outputOf('/a.test.ts'), '');
});
