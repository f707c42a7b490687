export { addTestCommand } from './addTestCommand.ts';
export { runTests, type RunTestsOptions, type TestRun } from './runTests.ts';
