import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { addDemoCommand } from './commands/demo.ts';
import { addDoctorCommand } from './commands/doctor.ts';
import { addDownCommand } from './commands/down.ts';
import { addLogsCommand } from './commands/logs.ts';
import { addResetCommand } from './commands/reset.ts';
import { addStatusCommand } from './commands/status.ts';
import { addUpCommand } from './commands/up.ts';
import { ExitCode } from './commands/Command.ts';
import { addTestCommand } from './testing/index.ts';
import { addBenchCommand } from './bench/addBenchCommand.ts';
import { addCheckCommand } from './check/addCheckCommand.ts';

/** The command line: `./noa <command>`. */
export function createProgram(): Command {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
  const program = new Command('noa')
    .description('Noa Server: a backend platform on one machine, or on many')
    .version(version)
    .showSuggestionAfterError()
    .showHelpAfterError('(see ./noa <command> --help)')
    .exitOverride((error) => process.exit(error.exitCode === 0 ? ExitCode.Ok : ExitCode.Usage));
  addUpCommand(program);
  addDownCommand(program);
  addStatusCommand(program);
  addLogsCommand(program);
  addDemoCommand(program);
  addTestCommand(program);
  addCheckCommand(program);
  addBenchCommand(program);
  addDoctorCommand(program);
  addResetCommand(program);
  return program;
}

if (import.meta.main) await createProgram().parseAsync();
