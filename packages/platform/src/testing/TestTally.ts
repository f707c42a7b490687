import { inspect } from 'node:util';

/** What `run()` of node:test tells, as far as we look at it. */
export interface TestEvent {
  readonly type: string;
  readonly data: {
    readonly name?: string;
    readonly file?: string;
    readonly message?: string;
    readonly skip?: string | boolean;
    readonly todo?: string | boolean;
    readonly details?: { readonly passed?: boolean; readonly type?: string; readonly duration_ms?: number; readonly error?: unknown };
  };
}

export interface FailedTest {
  readonly file: string;
  readonly name: string;
  /** The whole error, with its stack and the difference. */
  readonly error: string;
}

export interface SkippedTest {
  readonly file: string;
  readonly name: string;
  readonly reason: string;
}

/** One test file that ended. */
export interface FileResult {
  readonly file: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly durationMs: number;
}

export interface TestTotals {
  readonly passed: number;
  readonly failed: readonly FailedTest[];
  readonly skipped: readonly SkippedTest[];
  readonly files: readonly FileResult[];
}

/** The end of a failing file's own output is printed with it, this much at most. */
const OUTPUT_CHARACTERS_MAX = 16_000;

/** Counts what a run tells: every test once, suites never, and a file that fails or holds no test as a failure. */
export class TestTally {
  readonly #failed: FailedTest[] = [];
  readonly #skipped: SkippedTest[] = [];
  readonly #passed = new Map<string, number>();
  readonly #files: FileResult[] = [];
  readonly #output = new Map<string, string>();
  readonly #isFiltered: boolean;

  /** @param options - `isFiltered`: only tests of some names run, so that a file may have none. */
  constructor(options: { isFiltered: boolean }) {
    this.#isFiltered = options.isFiltered;
  }

  get totals(): TestTotals {
    const passed = [...this.#passed.values()].reduce((sum, count) => sum + count, 0);
    return { passed, failed: this.#failed, skipped: this.#skipped, files: this.#files };
  }

  /** @returns the file's result when the event ended one. */
  add({ type, data }: TestEvent): FileResult | undefined {
    const file = data.file ?? '';
    if (type === 'test:stdout' || type === 'test:stderr') this.#keepOutput(file, data.message ?? '');
    if (type !== 'test:complete' || data.name === undefined) return undefined;
    if (data.name === file) return this.#endFile(file, data);
    this.#endTest(file, data.name, data);
    return undefined;
  }

  /** What the file has printed, its end at most. */
  outputOf(file: string): string {
    return this.#output.get(file) ?? '';
  }

  #endTest(file: string, name: string, data: TestEvent['data']): void {
    const skip = data.skip ?? data.todo;
    const isSuite = data.details?.type === 'suite';
    if (skip !== undefined && skip !== false) {
      this.#skipped.push({ file, name, reason: typeof skip === 'string' && skip !== '' ? skip : 'no reason given' });
    } else if (data.details?.passed === false) {
      // A parent fails with its children; they are counted already.
      if (failureTypeOf(data.details.error) !== 'subtestsFailed') this.#failed.push({ file, name, error: describe(data.details.error) });
    } else if (!isSuite) this.#passed.set(file, (this.#passed.get(file) ?? 0) + 1);
  }

  #endFile(file: string, data: TestEvent['data']): FileResult {
    const count = (tests: readonly { file: string }[]): number => tests.filter((test) => test.file === file).length;
    const passed = this.#passed.get(file) ?? 0;
    if (data.details?.passed === false && count(this.#failed) === 0) {
      this.#failed.push({ file, name: 'the file itself', error: describe(data.details.error) });
    } else if (passed + count(this.#failed) + count(this.#skipped) === 0 && !this.#isFiltered) {
      this.#failed.push({ file, name: 'the file itself', error: 'holds no test' });
    }
    const result = { file, passed, failed: count(this.#failed), skipped: count(this.#skipped), durationMs: data.details?.duration_ms ?? 0 };
    this.#files.push(result);
    if (result.failed === 0) this.#output.delete(file);
    return result;
  }

  #keepOutput(file: string, text: string): void {
    this.#output.set(file, ((this.#output.get(file) ?? '') + text).slice(-OUTPUT_CHARACTERS_MAX));
  }
}

function failureTypeOf(error: unknown): string | undefined {
  return (error as { failureType?: string } | undefined)?.failureType;
}

/** node:test wraps what a test threw. */
function describe(error: unknown): string {
  const cause = (error as { cause?: unknown } | undefined)?.cause ?? error;
  return typeof cause === 'string' ? cause : inspect(cause, { depth: 6 });
}
