import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { run } from 'node:test';
import type { Clock, Environment, Logger } from '@noa/core';
import { startTestServer } from '../embedded/index.ts';
import { kindOf, selectTestFiles, type TestKind } from './selectTestFiles.ts';
import { TestTally, type FileResult, type TestEvent, type TestTotals } from './TestTally.ts';

export interface RunTestsOptions {
  /** The repository. */
  readonly root: string;
  /** Files or folders from the root; everything when empty. */
  readonly paths?: readonly string[];
  readonly only?: TestKind;
  /** Runs only tests whose name matches. */
  readonly filter?: RegExp;
  /** The environment for the tests; with `NOA_TEST_DATABASE_URL` no server is brought. */
  readonly env: Environment;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ends the run early. */
  readonly signal?: AbortSignal;
  readonly onFile?: (result: FileResult, output: string) => void;
}

export interface TestRun extends TestTotals {
  readonly durationMs: number;
  /** 0 when everything that ran passed and something ran. */
  readonly exitCode: number;
}

/** Many tests wait for a lease or a restart most of their time. */
const FILES_PER_CORE = 2;
/** Whole systems side by side. */
const SYSTEMS_AT_ONCE = 2;
/** A file that runs longer hangs. */
const FILE_MS_MAX = 10 * 60_000;
const SERVER_VARIABLE = 'NOA_TEST_DATABASE_URL';

/**
 * Runs test files, each in a process of its own: first unit and engine tests side by side, then the acceptance tests,
 * which start whole systems. Brings a throw-away PostgreSQL when engine tests are among them.
 * @throws NoaError `NOT_FOUND` when a path holds no test.
 */
export async function runTests(options: RunTestsOptions): Promise<TestRun> {
  const startedMs = options.clock.monotonicMs();
  const files = await selectTestFiles(options.root, options.paths ?? [], options.only);
  const tally = new TestTally({ isFiltered: options.filter !== undefined });
  const isLast = (file: string): boolean => kindOf(file) === 'acceptance';
  const needsServer = files.some((file) => kindOf(file) === 'engine') && !options.env[SERVER_VARIABLE];
  const server = needsServer ? await startTestServer({ clock: options.clock, logger: options.logger }) : undefined;
  try {
    const env = server === undefined ? options.env : { ...options.env, [SERVER_VARIABLE]: server.url };
    const first = files.filter((file) => !isLast(file));
    await runFiles({ ...options, env }, first, availableParallelism() * FILES_PER_CORE, tally);
  } finally {
    await server?.stop();
  }
  await runFiles(options, files.filter(isLast), SYSTEMS_AT_ONCE, tally);
  const totals = relativeTo(options.root, tally.totals);
  const isGreen = totals.failed.length === 0 && totals.passed > 0 && options.signal?.aborted !== true;
  return { ...totals, durationMs: options.clock.monotonicMs() - startedMs, exitCode: isGreen ? 0 : 1 };
}

async function runFiles(options: RunTestsOptions, files: readonly string[], concurrency: number, tally: TestTally): Promise<void> {
  if (files.length === 0 || options.signal?.aborted === true) return;
  const stream = run({
    concurrency,
    cwd: options.root,
    files: files.map((file) => join(options.root, file)),
    env: options.env as NodeJS.ProcessEnv,
    timeout: FILE_MS_MAX,
    ...(options.filter === undefined ? {} : { testNamePatterns: [options.filter] }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  for await (const event of stream as AsyncIterable<TestEvent>) {
    const result = tally.add(event);
    if (result !== undefined) options.onFile?.({ ...result, file: result.file.slice(options.root.length + 1) }, tally.outputOf(result.file));
  }
}

function relativeTo(root: string, totals: TestTotals): TestTotals {
  const short = <T extends { readonly file: string }>(item: T): T => ({ ...item, file: item.file.slice(root.length + 1) });
  return { passed: totals.passed, failed: totals.failed.map(short), skipped: totals.skipped.map(short), files: totals.files.map(short) };
}
