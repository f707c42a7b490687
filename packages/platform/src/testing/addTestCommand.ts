import { resolve } from 'node:path';
import { InvalidArgumentError, Option, type Command } from 'commander';
import pc from 'picocolors';
import { silentLogger, systemClock } from '@noa/core';
import { action, type CommonOptions } from '../commands/Command.ts';
import { formatDuration, type Console } from '../output/Console.ts';
import { runTests, type TestRun } from './runTests.ts';
import { TEST_KINDS, type TestKind } from './selectTestFiles.ts';
import type { FileResult } from './TestTally.ts';

interface TestOptions extends CommonOptions {
  readonly only?: TestKind;
  readonly filter?: RegExp;
}

export function addTestCommand(program: Command): void {
  program
    .command('test')
    .argument('[paths...]', 'files or folders; everything when absent')
    .description('run the tests; brings a throw-away PostgreSQL for those that need one')
    .addOption(new Option('--only <kind>', 'one kind of tests').choices(TEST_KINDS))
    .option('--filter <pattern>', 'only tests whose name matches the regular expression', parsePattern)
    .option('--json', 'print one JSON object instead of text')
    .addHelpText(
      'after',
      '\nNOA_TEST_DATABASE_URL names another server for the engine tests. Exit codes: 0 all passed, 1 something failed or nothing ran.',
    )
    .action((paths: string[], options: TestOptions, command: unknown) =>
      action<TestOptions>((console, parsed) => test(console, parsed, paths))(paths, { ...options, data: '.' }, command),
    );
}

function parsePattern(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

async function test(console: Console, options: TestOptions, paths: readonly string[]): Promise<number> {
  const root = resolve(import.meta.dirname, '../../../..');
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());
  const outcome = await runTests({
    root,
    paths,
    ...(options.only === undefined ? {} : { only: options.only }),
    ...(options.filter === undefined ? {} : { filter: options.filter }),
    env: process.env,
    clock: systemClock,
    logger: silentLogger,
    signal: stopping.signal,
    onFile: (result, output) => printFile(console, result, output),
  });
  printOutcome(console, outcome);
  return outcome.exitCode;
}

function printFile(console: Console, { file, passed, failed, skipped, durationMs }: FileResult, output: string): void {
  const counts = [`${passed} passed`, ...(failed > 0 ? [`${failed} failed`] : []), ...(skipped > 0 ? [`${skipped} skipped`] : [])].join(', ');
  console.line(`${failed > 0 ? pc.red('✗') : pc.green('✓')} ${file}  ${pc.dim(`${counts}, ${formatDuration(durationMs)}`)}`);
  if (failed > 0 && output !== '') console.line(pc.dim(output.trimEnd().replace(/^/gm, '    | ')));
}

function printOutcome(console: Console, outcome: TestRun): void {
  const { passed, failed, skipped, durationMs, files, exitCode } = outcome;
  console.json({
    isGreen: exitCode === 0,
    passed,
    failed: failed.length,
    skipped: skipped.length,
    failures: failed,
    skips: skipped,
    files,
    durationMs,
  });
  for (const { file, name, error } of failed) console.line(`\n${pc.red('FAILED')} ${file}\n  ${pc.bold(name)}\n${error.replace(/^/gm, '    ')}`);
  if (skipped.length > 0) console.line(`\nskipped:`);
  for (const { file, name, reason } of skipped) console.line(`  ${file}: ${name} (${reason})`);
  if (passed + failed.length === 0) console.line('\nno test ran');
  console.line(`\nin ${formatDuration(durationMs)}`);
  console.line(`${passed} passed, ${failed.length} failed, ${skipped.length} skipped`);
}
