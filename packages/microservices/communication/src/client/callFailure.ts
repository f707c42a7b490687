/** Errors of the connection's making, before any request. */
const UNSENT_CODES = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL', 'UND_ERR_CONNECT_TIMEOUT']);

/** Whether an error of undici proves that no byte of the request can have reached the instance. */
export function isUnsent(error: unknown): boolean {
  const codes = codesOf(error);
  return codes.length > 0 && codes.every((code) => UNSENT_CODES.has(code));
}

function codesOf(error: unknown): string[] {
  // A dual-stack connect fails with one error per address.
  if (error instanceof AggregateError) return error.errors.flatMap(codesOf);
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  return typeof code === 'string' ? [code] : [];
}
