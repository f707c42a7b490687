import type { FuzzCase } from './cases.ts';

/** What came back; undefined status: the connection was closed without an answer. */
export interface FuzzAnswer {
  readonly status: number | undefined;
  readonly contentType: string;
  readonly text: string;
}

/** Traces of our insides: stack frames, source places, SQL and driver errors. */
const INSIDES =
  /^\s+at .+[:(]|node_modules|node:internal|\.ts:\d+|\b(?:Type|Syntax|Reference|Range)Error\b|\bsyntax error at or near\b|\bECONN\w+|pg_catalog/m;

/** @returns what is wrong with the answer, or undefined. */
export function judge(fuzz: FuzzCase, answer: FuzzAnswer): string | undefined {
  const { status, contentType, text } = answer;
  // A server may hang up on a body that it will never read; that is a refusal too, and the only one without an answer.
  if (status === undefined) return fuzz.name === 'an oversized body' ? undefined : 'the connection was closed without an answer';
  if (status >= 500) return `answered ${status}: ${text.slice(0, 300)}`;
  // Inside JSON a line break is two characters.
  const lines = text.replaceAll('\\n', '\n');
  const insides = INSIDES.exec(lines);
  if (insides !== null) return `shows its insides: ${lines.slice(Math.max(insides.index - 40, 0), insides.index + 200)}`;
  if (status >= 400) return judgeProblem(status, contentType, text);
  if (fuzz.mustFail) return `was taken with ${status}: ${text.slice(0, 200)}`;
  return undefined;
}

function judgeProblem(status: number, contentType: string, text: string): string | undefined {
  if (!contentType.startsWith('application/problem+json'))
    return `answered ${status} as ${contentType || 'nothing'}, not as problem+json: ${text.slice(0, 200)}`;
  try {
    const problem = JSON.parse(text) as Record<string, unknown>;
    for (const field of ['type', 'title', 'code']) {
      if (typeof problem[field] !== 'string' || problem[field] === '') return `is a problem without ${field}: ${text.slice(0, 300)}`;
    }
    return problem['status'] === status ? undefined : `says status ${String(problem['status'])} in the body and ${status} on the line`;
  } catch {
    return `calls itself a problem but is not JSON: ${text.slice(0, 200)}`;
  }
}
