import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';

export function addCheckCommand(program: Command): void {
  program
    .command('check')
    .description('check types, lint, format and the rules of scripts/rules')
    .option('--json', 'print one JSON object instead of text')
    .addHelpText('after', '\nExit codes: 0 everything is as it should be, 1 something is not.')
    .action(async (options: { json?: boolean }) => {
      process.exitCode = await runCheck(options.json === true);
    });
}

function runCheck(isJSON: boolean): Promise<number> {
  const root = resolve(import.meta.dirname, '../../../..');
  const child = spawn(process.execPath, [join(root, 'scripts/check.ts'), ...(isJSON ? ['--json'] : [])], { cwd: root, stdio: 'inherit' });
  return new Promise((resolveCode, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolveCode(code ?? 1));
  });
}
