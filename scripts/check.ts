import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { systemClock } from '@noa/core';
import { Repository } from './rules/Repository.ts';
import { formatFinding } from './rules/Rule.ts';
import { RULES } from './rules/rules.ts';

/** One line of the result. */
interface Step {
  readonly name: string;
  readonly isGreen: boolean;
  readonly durationMs: number;
  /** What is wrong; empty when green. */
  readonly output: string;
}

const TOOLS: readonly (readonly [string, string, readonly string[]])[] = [
  ['types', 'tsc', ['-p', 'tsconfig.json', '--pretty', 'false']],
  ['lint', 'oxlint', ['--type-aware', '--deny-warnings', '--format=unix']],
  ['format', 'oxfmt', ['--check']],
];

/** `node scripts/check.ts [--json]`: types, lint, format and the rules of scripts/rules; exits 1 when anything is not so. */
async function main(root: string, args: readonly string[]): Promise<number> {
  const isJSON = args.includes('--json');
  const steps: Step[] = [];
  const report = (step: Step): void => {
    steps.push(step);
    if (isJSON) return;
    process.stdout.write(`${step.isGreen ? 'ok  ' : 'FAIL'} ${step.name.padEnd(16)} ${Math.round(step.durationMs)} ms\n`);
    if (!step.isGreen) process.stdout.write(`${step.output.trimEnd().replace(/^/gm, '     ')}\n`);
  };
  for (const [name, tool, options] of TOOLS) report(await runTool(root, name, tool, options));
  const repository = Repository.read(root);
  for (const rule of RULES) report(await timed(rule.name, async () => rule.check(repository).map(formatFinding).join('\n')));
  const failed = steps.filter(({ isGreen }) => !isGreen).length;
  if (isJSON) process.stdout.write(`${JSON.stringify({ isGreen: failed === 0, steps })}\n`);
  else process.stdout.write(`${steps.length - failed} checks passed, ${failed} failed\n`);
  return failed === 0 ? 0 : 1;
}

async function timed(name: string, body: () => Promise<string>): Promise<Step> {
  const startedMs = systemClock.monotonicMs();
  const output = await body();
  return { name, isGreen: output === '', durationMs: systemClock.monotonicMs() - startedMs, output };
}

function runTool(root: string, name: string, tool: string, args: readonly string[]): Promise<Step> {
  return timed(name, async () => {
    const { code, output } = await run(join(root, 'node_modules/.bin', tool), args, root);
    return code === 0 ? '' : output.trim() || `${tool} ended with ${code}`;
  });
}

function run(command: string, args: readonly string[], cwd: string): Promise<{ code: number | string; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.once('error', (error) => resolve({ code: 'an error', output: `${command}: ${error.message}; are the dependencies installed? (npm ci)` }));
    child.once('close', (code, signal) => resolve({ code: code ?? signal ?? 'no code', output: Buffer.concat(chunks).toString('utf8') }));
  });
}

if (import.meta.main) process.exitCode = await main(join(import.meta.dirname, '..'), process.argv.slice(2));
