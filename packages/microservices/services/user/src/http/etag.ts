const STRONG = /^"(\d{1,9})"$/;

/**
 * Versions that If-Match allows; undefined when absent or `*`. Tags that we cannot have issued, weak ones too (RFC 9110
 * section 13.1.1 asks for strong comparison), match no version.
 */
export function parseIfMatch(value: string | undefined): readonly number[] | undefined {
  if (value === undefined || value.trim() === '*') return undefined;
  return value.split(',').flatMap((tag) => {
    const version = STRONG.exec(tag.trim())?.[1];
    return version === undefined ? [] : [Number(version)];
  });
}

/** If-None-Match: whether one of its tags is this version (weak comparison, RFC 9110 section 13.1.2). */
export function matchesAny(value: string | undefined, version: number): boolean {
  if (value === undefined) return false;
  return value.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === `"${version}"`);
}
