import assert from 'node:assert/strict';
import { BUCKET_COUNT } from '../hash/bucketOf.ts';

/** Bucket → shard as run lengths in bucket order: `[['shard-0', 2048], ['shard-1', 2048]]`. Neighbouring runs name different shards. */
export type Assignment = readonly (readonly [shardId: string, buckets: number])[];

/** A run of buckets whose owner differs between two assignments. */
export interface AssignmentChange {
  readonly firstBucket: number;
  readonly buckets: number;
  readonly from: string;
  readonly to: string;
}

/** The owner of each bucket, index = bucket. */
export function expandAssignment(assignment: Assignment): string[] {
  return assignment.flatMap(([shardId, buckets]) => Array.from({ length: buckets }, () => shardId));
}

/** The run lengths of a list of owners: the inverse of `expandAssignment`. */
export function compressOwners(owners: readonly string[]): Assignment {
  const runs: [string, number][] = [];
  for (const owner of owners) {
    const last = runs.at(-1);
    if (last?.[0] === owner) last[1] += 1;
    else runs.push([owner, 1]);
  }
  return runs;
}

/** Equal contiguous shares in the given order; shares differ by at most one bucket. @param shardIds - 1..4096, distinct. */
export function splitEvenly(shardIds: readonly string[]): Assignment {
  assert(shardIds.length >= 1 && shardIds.length <= BUCKET_COUNT, 'a split needs 1..4096 shards');
  const startOf = (index: number): number => Math.floor((index * BUCKET_COUNT) / shardIds.length);
  return shardIds.map((shardId, index) => [shardId, startOf(index + 1) - startOf(index)] as const);
}

/** What would have to move to get from one assignment to the other, in bucket order; empty when they are equal. */
export function diffAssignments(before: Assignment, after: Assignment): AssignmentChange[] {
  const old = expandAssignment(before);
  const changes: { firstBucket: number; buckets: number; from: string; to: string }[] = [];
  for (const [bucket, to] of expandAssignment(after).entries()) {
    const from = old[bucket]!;
    if (from === to) continue;
    const last = changes.at(-1);
    if (last !== undefined && last.from === from && last.to === to && last.firstBucket + last.buckets === bucket) last.buckets += 1;
    else changes.push({ firstBucket: bucket, buckets: 1, from, to });
  }
  return changes;
}
