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
    /** Of a `test:summary`. */
    readonly counts?: FileCounts;
    readonly details?: { readonly passed?: boolean; readonly type?: string; readonly duration_ms?: number; readonly error?: unknown };
  };
}

interface FileCounts {
  readonly passed: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly skipped: number;
  readonly todo: number;
}

/** `file` is where the test is written, which may be a module that the test file imports. */
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

const NO_COUNTS: FileCounts = { passed: 0, failed: 0, cancelled: 0, skipped: 0, todo: 0 };

/** The end of a failing file's own output is printed with it, this much at most. */
const OUTPUT_CHARACTERS_MAX = 16_000;

/** Counts what a run tells: every test once, suites never, and a file that fails or holds no test as a failure. */
export class TestTally {
  readonly #failed: FailedTest[] = [];
  readonly #skipped: SkippedTest[] = [];
  /** What each file's own process counted in its summary, and how its process ended: they come in either order. */
  readonly #counts = new Map<string, FileCounts>();
  readonly #ended = new Map<string, TestEvent['data']>();
  readonly #finished = new Set<string>();
  #passed = 0;
  readonly #files: FileResult[] = [];
  readonly #output = new Map<string, string>();
  readonly #isFiltered: boolean;

  /** @param options - `isFiltered`: only tests of some names run, so that a file may have none. */
  constructor(options: { isFiltered: boolean }) {
    this.#isFiltered = options.isFiltered;
  }

  get totals(): TestTotals {
    return { passed: this.#passed, failed: this.#failed, skipped: this.#skipped, files: this.#files };
  }

  /** @returns the file's result when the event ended one. */
  add({ type, data }: TestEvent): FileResult | undefined {
    const file = data.file ?? '';
    if (type === 'test:stdout' || type === 'test:stderr') this.#keepOutput(file, data.message ?? '');
    if (type === 'test:summary' && data.counts !== undefined && file !== '') return this.#endFile(file, { counts: data.counts });
    if (data.name === file) {
      // A file that crashes or holds no test has no summary, but is itself reported as a test.
      const isReported = type === 'test:pass' || type === 'test:fail';
      if (isReported || type === 'test:complete') return this.#endFile(file, { data, ...(isReported ? { counts: NO_COUNTS } : {}) });
    } else if (type === 'test:complete' && data.name !== undefined) this.#endTest(file, data.name, data);
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
    } else if (!isSuite) this.#passed += 1;
  }

  /** @returns the file's result when both its counts and its end are known. */
  #endFile(file: string, told: { data?: TestEvent['data']; counts?: FileCounts }): FileResult | undefined {
    if (told.counts !== undefined && !this.#counts.has(file)) this.#counts.set(file, told.counts);
    if (told.data !== undefined && !this.#ended.has(file)) this.#ended.set(file, told.data);
    const [counts, data] = [this.#counts.get(file), this.#ended.get(file)];
    if (counts === undefined || data === undefined || this.#finished.has(file)) return undefined;
    this.#finished.add(file);
    const complaint = this.#complaintOf(counts, data);
    if (complaint !== undefined) this.#failed.push({ file, name: 'the file itself', error: complaint });
    const result = {
      file,
      passed: counts.passed,
      failed: counts.failed + counts.cancelled + (complaint === undefined ? 0 : 1),
      skipped: counts.skipped + counts.todo,
      durationMs: data.details?.duration_ms ?? 0,
    };
    this.#files.push(result);
    if (result.failed === 0) this.#output.delete(file);
    return result;
  }

  /** A process that failed by more than its tests, or had none. */
  #complaintOf(counts: FileCounts, { details }: TestEvent['data']): string | undefined {
    if (details?.passed === false || details?.error !== undefined) {
      return failureTypeOf(details.error) === 'subtestsFailed' ? undefined : describe(details.error);
    }
    return counts === NO_COUNTS && !this.#isFiltered ? 'holds no test' : undefined;
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
