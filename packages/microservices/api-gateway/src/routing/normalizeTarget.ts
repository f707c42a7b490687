/** A target that has one meaning only. */
export interface NormalTarget {
  /** Decoded segments, the first one after the leading slash; `/` has one empty segment. */
  readonly segments: readonly string[];
  /** Path and query in canonical encoding: what the instance gets is what was matched. */
  readonly target: string;
}

/** RFC 3986 pchar, and what browsers leave unencoded in paths. */
const PATH = /^\/[A-Za-z0-9\-._~!$&'()*+,;=:@%/[\]|^{}"]*$/;
const QUERY = /^[\x21-\x22\x24-\x7e]*$/;
/** `%25` before these would become a slash, dot, backslash, NUL or percent sign for whoever decodes twice. */
const DOUBLE_ENCODED = /%25(?:2e|2f|5c|00|25)/i;
// oxlint-disable-next-line no-control-regex
const FORBIDDEN_DECODED = /[/\\\u0000-\u001f\u007f]/;

/**
 * Settles a request target before routing: decoded once, UTF-8, without dot segments, encoded separators or doubly
 * encoded ones. What is ambiguous is refused, never repaired, so that no instance can read another path than the one
 * whose rule was applied.
 * @returns undefined with a reason when the target is refused.
 */
export function normalizeTarget(target: string): NormalTarget | { readonly refusedBecause: string } {
  const mark = target.indexOf('?');
  const path = mark === -1 ? target : target.slice(0, mark);
  const query = mark === -1 ? '' : target.slice(mark);
  if (!PATH.test(path)) return { refusedBecause: 'The path holds characters that belong encoded' };
  if (!QUERY.test(query)) return { refusedBecause: 'The query holds characters that belong encoded' };
  if (path.startsWith('//')) return { refusedBecause: 'The path begins with two slashes' };
  const isEncoded = path.includes('%');
  if (isEncoded && DOUBLE_ENCODED.test(path)) return { refusedBecause: 'The path is encoded twice' };
  const segments = path.slice(1).split('/');
  for (let i = 0; isEncoded && i < segments.length; i += 1) {
    const decoded = decode(segments[i] as string);
    if (decoded === undefined) return { refusedBecause: 'The path holds an encoded character that may not be there' };
    segments[i] = decoded;
  }
  if (segments.some((segment) => segment === '.' || segment === '..')) return { refusedBecause: 'The path holds dot segments' };
  return { segments, target: isEncoded ? `/${segments.map(encode).join('/')}${query}` : target };
}

function decode(segment: string): string | undefined {
  if (!segment.includes('%')) return segment;
  try {
    const decoded = decodeURIComponent(segment);
    return FORBIDDEN_DECODED.test(decoded) ? undefined : decoded;
  } catch {
    return undefined;
  }
}

/** encodeURIComponent also encodes these, which may stand in a path as they are. */
const PLAIN: Readonly<Record<string, string>> = { '%24': '$', '%26': '&', '%2B': '+', '%2C': ',', '%3B': ';', '%3D': '=', '%3A': ':', '%40': '@' };

function encode(segment: string): string {
  return encodeURIComponent(segment).replace(/%(?:24|26|2B|2C|3B|3D|3A|40)/g, (code) => PLAIN[code] as string);
}
