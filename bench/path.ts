import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { systemClock } from '@noa/core';
import { login, register } from '../acceptance/client.ts';
import { AcceptanceSystem, type UpAnswer } from '../acceptance/harness.ts';
import { get, openLoop, type OpenLoopResult } from './openLoop.ts';
import { cpuMicroseconds, describeMachine, partsOf, requireLinux } from './processes.ts';
import { percentilesOf, renderHistogram } from './statistics.ts';

const GOAL = { ratePerSecond: 500, p95Ms: 50 } as const;
const PEOPLE = 20;
const WARM_UP_SECONDS = 3;
const SECONDS_DEFAULT = 10;
const SATURATION = { seconds: 5, connections: 32 } as const;

interface Saturation {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failed: number;
}

/** `node bench/path.ts [--seconds N] [--rate N] [--json]`: gateway → user → shard, GET /api/users/me. */
async function main(args: readonly string[]): Promise<void> {
  requireLinux();
  const number = (name: string, otherwise: number): number => (args.includes(name) ? Number(args[args.indexOf(name) + 1]) : otherwise);
  const ratePerSecond = number('--rate', GOAL.ratePerSecond);
  const seconds = number('--seconds', SECONDS_DEFAULT);
  const system = new AcceptanceSystem({ env: { NOA_GATEWAY_RATE_LIMIT: '1000000', NOA_LOG_LEVEL: 'warn' } });
  try {
    const at = await system.up();
    const tokens = await preparePeople(at);
    const url = new URL('/api/users/me', at.gateway);
    const load = (forSeconds: number): Promise<OpenLoopResult> =>
      openLoop({
        clock: systemClock,
        ratePerSecond,
        seconds: forSeconds,
        send: (index, agent) => get(url, tokens[index % tokens.length] ?? '', agent),
      });
    await load(WARM_UP_SECONDS);
    const { result, cpu } = await withCPU(at, () => load(seconds));
    const saturation = await saturate(url, tokens[0] ?? '');
    const machine = describeMachine();
    const percentiles = percentilesOf(result.latenciesMs);
    if (args.includes('--json')) {
      const { latenciesMs: _, ...counts } = result;
      process.stdout.write(
        `${JSON.stringify({ machine, goal: GOAL, ratePerSecond, seconds, percentiles, ...counts, cpuMicrosecondsPerRequest: cpu, saturation })}\n`,
      );
    } else print({ machine, ratePerSecond, seconds, result, cpu, saturation });
  } finally {
    await system.dispose();
  }
}

/** People on both shards, logged in. */
async function preparePeople({ gateway }: UpAnswer): Promise<string[]> {
  const tokens: string[] = [];
  for (let index = 0; index < PEOPLE; index += 1) tokens.push((await login(gateway, await register(gateway))).accessToken);
  return tokens;
}

/** CPU time of each part over a load, divided by its requests. */
async function withCPU(at: UpAnswer, load: () => Promise<OpenLoopResult>): Promise<{ result: OpenLoopResult; cpu: Record<string, number> }> {
  const parts = partsOf(at);
  const before = parts.map(cpuMicroseconds);
  const result = await load();
  const cpu = parts.map((part, index) => [part.name, (cpuMicroseconds(part) - (before[index] ?? 0)) / result.latenciesMs.length] as const);
  return { result, cpu: Object.fromEntries(cpu) };
}

/** As much as goes, by autocannon in a process of its own. */
async function saturate(url: URL, token: string): Promise<Saturation> {
  const program = join(resolve(import.meta.dirname, '..'), 'node_modules/.bin/autocannon');
  const { seconds, connections } = SATURATION;
  const args = ['--json', '-d', String(seconds), '-c', String(connections), '-H', `authorization=Bearer ${token}`, url.href];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part));
  await new Promise<void>((resolveEnd, reject) => {
    child.once('error', reject);
    child.once('close', () => resolveEnd());
  });
  const answer = JSON.parse(text) as { requests: { average: number }; latency: { p50: number; p99: number }; non2xx: number; errors: number };
  return { requestsPerSecond: answer.requests.average, p50Ms: answer.latency.p50, p99Ms: answer.latency.p99, failed: answer.non2xx + answer.errors };
}

function print(options: {
  machine: ReturnType<typeof describeMachine>;
  ratePerSecond: number;
  seconds: number;
  result: OpenLoopResult;
  cpu: Readonly<Record<string, number>>;
  saturation: Saturation;
}): void {
  const { machine, ratePerSecond, seconds, result, cpu, saturation } = options;
  const say = (text: string): void => void process.stdout.write(`${text}\n`);
  const { p50, p95, p99, max } = percentilesOf(result.latenciesMs);
  say(`${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}, Node ${machine.node}`);
  say(`gateway → user → shard, GET /api/users/me; the load generator runs on the same machine`);
  say(`\n${ratePerSecond} requests/s for ${seconds} s, latency from the moment a request was due`);
  say(`  P50 ${p50.toFixed(1)} ms, P95 ${p95.toFixed(1)} ms, P99 ${p99.toFixed(1)} ms, max ${max.toFixed(1)} ms`);
  if (ratePerSecond === GOAL.ratePerSecond) say(`  goal P95 < ${GOAL.p95Ms} ms  ${p95 < GOAL.p95Ms ? 'reached' : 'MISSED'}`);
  say(`  answers ${JSON.stringify(result.statuses)}`);
  say(renderHistogram(result.latenciesMs).replace(/^/gm, '  '));
  say(`\nCPU for one request`);
  for (const [name, microseconds] of Object.entries(cpu)) say(`  ${name.padEnd(14)} ${microseconds.toFixed(0).padStart(6)} µs`);
  say(`\nsaturated by ${SATURATION.connections} connections for ${SATURATION.seconds} s`);
  say(`  ${saturation.requestsPerSecond.toFixed(0)} requests/s, P50 ${saturation.p50Ms} ms, P99 ${saturation.p99Ms} ms, ${saturation.failed} failed`);
}

if (import.meta.main) await main(process.argv.slice(2));
