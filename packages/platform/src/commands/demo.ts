import type { Command } from 'commander';
import pc from 'picocolors';
import { NoaError, systemRandom } from '@noa/core';
import { DataFolder } from '../data/DataFolder.ts';
import { DATABASES_FILE, SECRETS_FILE, type Secrets } from '../data/Secrets.ts';
import { readRunningState, type SystemState } from '../data/SystemState.ts';
import { runDemo } from '../demo/runDemo.ts';
import { formatDuration, type Console } from '../output/Console.ts';
import type { DatabaseURLs } from '../supervisor/buildEnvironment.ts';
import { action, ExitCode, withCommonOptions, type CommonOptions } from './Command.ts';

export function addDemoCommand(program: Command): void {
  withCommonOptions(program.command('demo'))
    .description('tell the story on the running system, with real clients, and prove each step')
    .addHelpText('after', '\nExit codes: 0 everything was so, 1 something was not, 3 nothing runs.')
    .action(action<CommonOptions>(demo));
}

async function demo(console: Console, options: CommonOptions): Promise<number> {
  const folder = new DataFolder(options.data);
  const state = async (): Promise<SystemState> => {
    const found = await readRunningState(folder);
    if (found === undefined) throw new NoaError('NOT_RUNNING', { message: `Nothing runs on ${options.data}; start it with ./noa up` });
    return found;
  };
  const { gateway, topology, publicURL } = await state();
  const secrets = await folder.readJSON<Secrets>(SECRETS_FILE);
  const databases = await folder.readJSON<DatabaseURLs>(DATABASES_FILE);
  if (secrets === undefined || databases === undefined) {
    throw new NoaError('NOT_RUNNING', { message: `The secrets in ${options.data} cannot be read; run the demo as the one who ran ./noa up` });
  }
  console.line(`noa demo  ${pc.dim(`${gateway}, ${topology}`)}`);
  const runId = Buffer.from(systemRandom.bytes(4)).toString('hex');
  const steps = await runDemo({ gateway, issuer: publicURL, state, secrets, databases, runId }, (result) => {
    const mark = result.status === 'proved' ? pc.green('✓') : pc.yellow('-');
    console.line(`  ${mark} ${result.title}  ${pc.dim(formatDuration(result.durationMs))}`);
    console.line(`      ${pc.dim(result.status === 'skipped' ? `not run: ${result.detail}` : result.detail)}`);
  });
  const proved = steps.filter((step) => step.status === 'proved').length;
  const skipped = steps.length - proved;
  console.json({ isProved: true, proved, skipped, steps });
  console.line(`${pc.bold('all so')}: ${proved} proved${skipped === 0 ? '' : `, ${skipped} not run`}`);
  return ExitCode.Ok;
}
