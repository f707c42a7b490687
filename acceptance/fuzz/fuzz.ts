import { Agent } from 'node:http';
import type { Random } from '@noa/core';
import { casesOf, type FuzzCase } from './cases.ts';
import { judge } from './judge.ts';
import { operationsOf, type OpenAPIDocument, type Operation } from './openapi.ts';
import { send } from './send.ts';

export interface FuzzReport {
  readonly operations: number;
  readonly requests: number;
  /** Status → how often; `closed` for none. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Method, target, case and complaint. */
  readonly complaints: readonly string[];
}

/** Requests in progress at once. */
const CONCURRENCY = 4;
/** The first ones tell enough. */
const COMPLAINTS_MAX = 40;

/** Sends every generated request of a document and judges the answers. */
export async function fuzz(options: {
  document: OpenAPIDocument;
  base: string;
  random: Random;
  token?: string;
  /** Leaves operations out that would end the test itself, such as deleting the caller. */
  skip?: (operation: Operation) => boolean;
}): Promise<FuzzReport> {
  const operations = operationsOf(options.document).filter((operation) => options.skip?.(operation) !== true);
  const cases = operations.flatMap((operation) => casesOf(operation, options.random));
  const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY });
  const statuses: Record<string, number> = {};
  const complaints: string[] = [];
  const queue = cases[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (const fuzzCase of queue) await one(fuzzCase);
  };
  const one = async (fuzzCase: FuzzCase): Promise<void> => {
    const answer = await send(options.base, fuzzCase, { agent, ...(options.token === undefined ? {} : { token: options.token }) });
    const key = String(answer.status ?? 'closed');
    statuses[key] = (statuses[key] ?? 0) + 1;
    const complaint = judge(fuzzCase, answer);
    if (complaint !== undefined && complaints.length < COMPLAINTS_MAX) {
      complaints.push(`${fuzzCase.method} ${fuzzCase.target.slice(0, 120)} (${fuzzCase.name}) ${complaint}`);
    }
  };
  try {
    // One iterator shared by all workers: each case is sent once.
    await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  } finally {
    agent.destroy();
  }
  return { operations: operations.length, requests: cases.length, statuses, complaints };
}
