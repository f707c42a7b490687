import { NoaError } from '@noa/core';

/** One segment of a pattern. */
export type PatternSegment = { readonly kind: 'literal'; readonly text: string } | { readonly kind: 'param'; readonly name: string };

/** `/api/users/{id}`: literal segments, `{name}` for exactly one non-empty segment, a final `*` for the rest (one segment or more, may be empty). */
export interface RoutePattern {
  readonly segments: readonly PatternSegment[];
  readonly hasRest: boolean;
  /** The pattern without parameter names: two patterns of one shape match the same paths. */
  readonly shape: string;
}

const PARAM = /^\{([A-Za-z][A-Za-z0-9_]{0,63})\}$/;
const LITERAL = /^[A-Za-z0-9\-._~!$&'()+,;=:@]*$/;
/** Segments of a pattern. */
const SEGMENTS_MAX = 32;

/** @throws NoaError `ROUTE_INVALID` when `path` is not a pattern. */
export function parsePattern(path: string): RoutePattern {
  const parts = path.slice(1).split('/');
  const hasRest = parts.at(-1) === '*';
  if (hasRest) parts.pop();
  if (!path.startsWith('/') || parts.length > SEGMENTS_MAX) throw invalid(path, `it has more than ${SEGMENTS_MAX} segments or no leading slash`);
  const names = new Set<string>();
  const segments = parts.map((part): PatternSegment => {
    const name = PARAM.exec(part)?.[1];
    if (name === undefined) {
      if (!LITERAL.test(part) || part === '.' || part === '..') throw invalid(path, `segment "${part}" is neither literal nor {name}`);
      return { kind: 'literal', text: part };
    }
    if (names.has(name)) throw invalid(path, `{${name}} comes twice`);
    names.add(name);
    return { kind: 'param', name };
  });
  const shape = `/${[...segments.map((segment) => (segment.kind === 'literal' ? segment.text : '{}')), ...(hasRest ? ['*'] : [])].join('/')}`;
  return { segments, hasRest, shape };
}

function invalid(path: string, reason: string): NoaError {
  return new NoaError('ROUTE_INVALID', { message: `"${path}" is not a route pattern: ${reason}`, httpStatus: 400 });
}
