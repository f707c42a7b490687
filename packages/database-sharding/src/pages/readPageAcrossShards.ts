import assert from 'node:assert/strict';
import { NoaError, type Database } from '@noa/core';
import type { ShardRouter } from '../ShardRouter.ts';

/** Rows of a page. With it at most `shards x (limit + 1)` rows are in memory. */
export const PAGE_LIMIT_MAX = 1_000;

export interface KeysetPageOptions<Row, Key> {
  /** Rows wanted, 1..1000. */
  readonly limit: number;
  /** Key of the last row the caller has seen; left out for the first page. */
  readonly after?: Key | undefined;
  /** Rows of one shard whose key is above `after`, lowest first, at most `limit`: `WHERE (created_at, id) > ($1, $2) ORDER BY created_at, id LIMIT $3`. */
  readonly fetch: (database: Database, after: Key | undefined, limit: number) => Promise<Row[]>;
  /** The sort key of a row, unique over all shards: end it with the row's id. */
  readonly keyOf: (row: Row) => Key;
  /** The order of the query's ORDER BY; negative when `a` comes first. For text in SQL use COLLATE "C" and `compareCollationC`. */
  readonly compare: (a: Key, b: Key) => number;
}

export interface KeysetPage<Row, Key> {
  readonly rows: Row[];
  /** What to hand in as `after` for the next page; absent on the last. */
  readonly next?: Key;
}

/**
 * One page over all shards in one order. A cursor is a key, not a position: rows written or deleted between two pages neither repeat nor
 * hide others, and rows that existed throughout are seen exactly once.
 * @throws NoaError `SHARD_PAGE_UNORDERED` when a shard's rows are not in the order of `compare`; `SHARD_UNAVAILABLE` when a shard is away,
 *   for a list with holes would be a wrong answer.
 */
export async function readPageAcrossShards<Row, Key = string>(
  router: ShardRouter,
  options: KeysetPageOptions<Row, Key>,
): Promise<KeysetPage<Row, Key>> {
  const { limit, after, fetch, keyOf, compare } = options;
  assert(Number.isInteger(limit) && limit >= 1 && limit <= PAGE_LIMIT_MAX, `limit must be 1..${PAGE_LIMIT_MAX}`);
  // One more than wanted tells whether there is a next page.
  const pages = await router.onEveryShard(async (database, shardId) => {
    const rows = await fetch(database, after, limit + 1);
    checkOrder(rows, shardId, options);
    return rows;
  });
  const merged = mergeKeyset(
    pages.map((page) => page.value),
    { limit: limit + 1, compare: (a, b) => compare(keyOf(a), keyOf(b)) },
  );
  if (merged.length <= limit) return { rows: merged };
  const rows = merged.slice(0, limit);
  return { rows, next: keyOf(rows.at(-1)!) };
}

/** The first `limit` of several sorted lists, in order. O(limit x lists): the lists are as few as there are shards. */
export function mergeKeyset<Row>(lists: readonly (readonly Row[])[], options: { limit: number; compare: (a: Row, b: Row) => number }): Row[] {
  const heads = lists.map(() => 0);
  const merged: Row[] = [];
  while (merged.length < options.limit) {
    let best = -1;
    for (const [index, list] of lists.entries()) {
      const at = heads[index]!;
      if (at >= list.length) continue;
      if (best === -1 || options.compare(list[at]!, lists[best]![heads[best]!]!) < 0) best = index;
    }
    if (best === -1) break;
    merged.push(lists[best]![heads[best]!]!);
    heads[best]! += 1;
  }
  return merged;
}

function checkOrder<Row, Key>(rows: readonly Row[], shardId: string, options: KeysetPageOptions<Row, Key>): void {
  let before = options.after;
  let isWrong = rows.length > options.limit + 1;
  for (const row of rows) {
    const key = options.keyOf(row);
    if (before !== undefined && options.compare(before, key) >= 0) isWrong = true;
    before = key;
  }
  if (!isWrong) return;
  throw new NoaError('SHARD_PAGE_UNORDERED', {
    message: 'A page of a list could not be put in order',
    details: { shardId, limit: options.limit, rows: rows.length },
  });
}
