import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { Argument, type Command } from 'commander';

const BENCHES = ['start', 'path'] as const;

export function addBenchCommand(program: Command): void {
  program
    .command('bench')
    .addArgument(new Argument('<what>', 'start: time to healthy and memory; path: gateway, user, shard under load').choices(BENCHES))
    .description('measure our claims on this machine, on a system of its own')
    .option('--seconds <count>', 'path: length of the measured load (default 10)')
    .option('--rate <count>', 'path: requests a second (default 500)')
    .option('--json', 'print one JSON object instead of text')
    .addHelpText('after', '\nNeeds Linux (/proc). Exit codes: 0 measured, 1 failed.')
    .action(async (what: (typeof BENCHES)[number], options: { seconds?: string; rate?: string; json?: boolean }) => {
      process.exitCode = await runBench(what, [
        ...(options.seconds === undefined ? [] : ['--seconds', options.seconds]),
        ...(options.rate === undefined ? [] : ['--rate', options.rate]),
        ...(options.json === true ? ['--json'] : []),
      ]);
    });
}

function runBench(what: string, args: readonly string[]): Promise<number> {
  const root = resolve(import.meta.dirname, '../../../..');
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(root, 'bench', `${what}.ts`), ...args], {
    cwd: root,
    stdio: 'inherit',
  });
  return new Promise((resolveCode, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolveCode(code ?? 1));
  });
}
