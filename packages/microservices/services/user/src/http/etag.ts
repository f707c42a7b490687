import { NoaError } from '@noa/core';

const STRONG = /^"(\d{1,9})"$/;

/**
 * Version asked for by If-Match; undefined when absent or `*`.
 * @throws NoaError `USER_VERSION_MISMATCH` (412) for a tag that we cannot have issued: it matches no version.
 */
export function parseIfMatch(value: string | undefined): number | undefined {
  if (value === undefined || value.trim() === '*') return undefined;
  const version = STRONG.exec(value.trim())?.[1];
  if (version !== undefined) return Number(version);
  throw new NoaError('USER_VERSION_MISMATCH', { message: 'If-Match names no version of this user', httpStatus: 412 });
}

/** If-None-Match: whether one of its tags is this version (weak comparison, RFC 9110 section 13.1.2). */
export function matchesAny(value: string | undefined, version: number): boolean {
  if (value === undefined) return false;
  return value.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === `"${version}"`);
}
