/** How a try without an answer ended. */
export interface CallFailure {
  /** No byte of the request can have reached the instance. */
  readonly isUnsent: boolean;
  /** The caller's own signal ended it: says nothing about the instance. */
  readonly isAbort: boolean;
}

/** Errors of the connection's making, before any request. */
const UNSENT_CODES = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL', 'UND_ERR_CONNECT_TIMEOUT']);

/** Reads an error of undici. */
export function classifyFailure(error: unknown): CallFailure {
  const codes = codesOf(error);
  return {
    isUnsent: codes.length > 0 && codes.every((code) => UNSENT_CODES.has(code)),
    isAbort: error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError'),
  };
}

function codesOf(error: unknown): string[] {
  // A dual-stack connect fails with one error per address.
  if (error instanceof AggregateError) return error.errors.flatMap(codesOf);
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  return typeof code === 'string' ? [code] : [];
}
