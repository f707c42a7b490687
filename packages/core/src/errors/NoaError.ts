/** What a throw site tells beyond the code. */
export interface NoaErrorOptions {
  /** Safe to show a caller: no host, no SQL, no personal data. */
  readonly message: string;
  /** For logs and traces only; never leaves the process. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** Whether the same call may succeed later without a change. Default false. */
  readonly retryable?: boolean;
  /** Status for HTTP answers, 400..599. Default 500. */
  readonly httpStatus?: number;
  /** Field errors of a validation failure, shown to the caller. */
  readonly violations?: readonly Violation[];
  readonly cause?: unknown;
}

/** One field that was not as expected. */
export interface Violation {
  /** JSON pointer into the body, or `query.limit`, `header.if-match`. */
  readonly path: string;
  readonly message: string;
}

/**
 * The one error class of Noa. `code` is stable, listed in its package's `errors.ts` and in docs/errors.md;
 * recognise it with `isNoaError`, never by message or `instanceof` across packages.
 */
export class NoaError extends Error {
  override readonly name = 'NoaError';
  readonly code: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly retryable: boolean;
  readonly httpStatus: number;
  readonly violations: readonly Violation[];

  constructor(code: string, options: NoaErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
    this.retryable = options.retryable ?? false;
    this.httpStatus = options.httpStatus ?? 500;
    this.violations = options.violations ?? [];
  }
}

/** Tells whether `error` is a NoaError, and of this code when one is given. Works across package copies. */
export function isNoaError(error: unknown, code?: string): error is NoaError {
  if (!(error instanceof Error) || error.name !== 'NoaError') return false;
  const candidate = error as Partial<NoaError>;
  return typeof candidate.code === 'string' && (code === undefined || candidate.code === code);
}

/** The message of anything thrown, with its causes, for logs. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as { code?: unknown }).code;
  // AggregateError of a refused dual-stack connect has an empty message; its code says it all.
  const own = error.message || (typeof code === 'string' ? code : error.name);
  return error.cause === undefined ? own : `${own}: ${describeError(error.cause)}`;
}
