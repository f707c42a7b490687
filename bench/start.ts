import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@noa/core';
import { AcceptanceSystem } from '../acceptance/harness.ts';
import { describeMachine, partsOf, pssBytes, requireLinux } from './processes.ts';

/** What the goals page promises on 2 cores. */
const GOALS = { coldMs: 8_000, warmMs: 4_000, processesMiB: 450, inlineMiB: 250 } as const;
/** Lets connections and caches of the start settle before memory is read. */
const SETTLE_MS = 2_000;

interface StartResult {
  readonly topology: string;
  /** The whole command, launcher included. */
  readonly coldMs: number;
  readonly warmMs: number;
  readonly pssMiB: number;
  readonly parts: readonly { readonly name: string; readonly pssMiB: number }[];
}

/** `node bench/start.ts [--json]`: time to all healthy, cold and warm, and memory, in both topologies. */
async function main(args: readonly string[]): Promise<void> {
  requireLinux();
  const results = [await measure('processes'), await measure('inline')];
  const machine = describeMachine();
  if (args.includes('--json')) process.stdout.write(`${JSON.stringify({ machine, goals: GOALS, results })}\n`);
  else print(machine, results);
}

async function measure(topology: 'processes' | 'inline'): Promise<StartResult> {
  // A code cache of its own: cold means that nothing of a former start helps.
  const cachePath = mkdtempSync(join(tmpdir(), 'noa-bench-'));
  const system = new AcceptanceSystem({ topology, env: { NODE_COMPILE_CACHE: cachePath } });
  try {
    const coldMs = await time(() => system.up());
    await system.down();
    const warmMs = await time(() => system.up());
    await systemClock.sleep(SETTLE_MS);
    const parts = partsOf(system.at).map((part) => ({ name: part.name, pssMiB: pssBytes(part) / 2 ** 20 }));
    return { topology, coldMs, warmMs, pssMiB: parts.reduce((sum, part) => sum + part.pssMiB, 0), parts };
  } finally {
    await system.dispose();
    rmSync(cachePath, { recursive: true, force: true });
  }
}

async function time(body: () => Promise<unknown>): Promise<number> {
  const startedMs = systemClock.monotonicMs();
  await body();
  return systemClock.monotonicMs() - startedMs;
}

function print(machine: ReturnType<typeof describeMachine>, results: readonly StartResult[]): void {
  const say = (text: string): void => void process.stdout.write(`${text}\n`);
  const against = (value: number, goal: number, unit: string): string =>
    `${Math.round(value).toString().padStart(6)} ${unit}  goal <= ${goal} ${unit}  ${value <= goal ? 'reached' : 'MISSED'}`;
  say(`${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}, Node ${machine.node}`);
  for (const { topology, coldMs, warmMs, pssMiB, parts } of results) {
    say(`\n${topology}`);
    say(`  cold up    ${against(coldMs, GOALS.coldMs, 'ms ')}`);
    say(`  warm up    ${against(warmMs, GOALS.warmMs, 'ms ')}`);
    say(`  memory     ${against(pssMiB, topology === 'inline' ? GOALS.inlineMiB : GOALS.processesMiB, 'MiB')}`);
    for (const part of parts) say(`    ${part.name.padEnd(14)} ${part.pssMiB.toFixed(1).padStart(7)} MiB`);
  }
}

if (import.meta.main) await main(process.argv.slice(2));
