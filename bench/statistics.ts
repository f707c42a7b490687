/** Milliseconds at the usual places of a sorted or unsorted list; nearest rank, so that each is a value that occurred. */
export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

export function percentilesOf(values: readonly number[]): Percentiles {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (ratio: number): number => sorted[Math.max(Math.ceil(sorted.length * ratio) - 1, 0)] ?? Number.NaN;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
}

/** Upper bounds in milliseconds; the last bucket takes the rest. */
const BOUNDS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000];
const BAR_CHARACTERS = 40;

/** A histogram for the terminal, one line a bucket, empty ends left out. */
export function renderHistogram(values: readonly number[]): string {
  const counts = [...BOUNDS, Number.POSITIVE_INFINITY].map((bound, index) => {
    const from = index === 0 ? Number.NEGATIVE_INFINITY : (BOUNDS[index - 1] ?? 0);
    return { bound, count: values.filter((value) => value >= from && value < bound).length };
  });
  const first = counts.findIndex(({ count }) => count > 0);
  const last = counts.findLastIndex(({ count }) => count > 0);
  const most = Math.max(...counts.map(({ count }) => count), 1);
  return counts
    .slice(Math.max(first, 0), last + 1)
    .map(({ bound, count }) => `${label(bound)} ${String(count).padStart(7)} ${'█'.repeat(Math.ceil((count / most) * BAR_CHARACTERS))}`)
    .join('\n');
}

function label(bound: number): string {
  return bound === Number.POSITIVE_INFINITY ? ' more    ' : `< ${String(bound).padStart(4)} ms`;
}
